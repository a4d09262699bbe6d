// Puts each new table of recrawls in the place of the last; without scripts the link "Look again" does the same.
"use strict";
(() => {
  const place = document.getElementById("live");
  const said = document.getElementById("live-state");
  if (!place || !window.EventSource) return;
  const source = new EventSource(place.dataset.from);
  source.addEventListener("table", (event) => {
    // The server has escaped all that a host wrote, as in the page itself.
    place.innerHTML = event.data;
    said.textContent = said.dataset.live;
  });
  source.addEventListener("over", () => {
    source.close();
    said.textContent = said.dataset.over;
  });
  source.onerror = () => {
    said.textContent = said.dataset.away;
  };
})();
