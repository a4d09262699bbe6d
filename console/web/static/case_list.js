// Goes through the rows of a list by j and k while one of them has the focus: elsewhere these keys do nothing.
"use strict";
for (const table of document.querySelectorAll("table[data-rows]")) {
  const links = Array.from(table.querySelectorAll("a[data-row]"));
  table.addEventListener("keydown", (event) => {
    const at = links.indexOf(document.activeElement);
    if (at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    const to = { j: at + 1, k: at - 1 }[event.key];
    if (to === undefined || !links[to]) return;
    event.preventDefault();
    links[to].focus();
    links[to].scrollIntoView({ block: "nearest" });
  });
}
