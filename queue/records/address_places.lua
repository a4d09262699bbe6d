-- Gives a worker its part of the places at addresses: of all workers together no more requests are under way there.
--
-- An address has one hash: worker -> "filled recrawls wanting ends_at number". `filled` are the places that the worker
-- fills, or may fill since it was last answered. Without a further question the entry ends at `ends_at`, by the server's
-- clock. `number` is that of the worker's question: one that a network has held back for long says nothing any more.
--
-- When there are places for all recrawls, each has its own; else they go round among those that want one. A worker has
-- the places of its recrawls in the order of the workers' names. It gets no further place that another still fills.
--
-- KEYS: the hash of each address.
-- ARGV: the worker, the number of its question, the seconds that an entry lasts, the seconds of a turn, then for each
--   address: the places there are, those that the worker fills, its recrawls there, and those of them that want a place.
--   Without recrawls it leaves.
-- Returns the server's time in microseconds, then for each address: the places that the worker may fill, and the recrawls
-- of others.
local me, number, lasts, turn_seconds = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local turn = math.floor(now / turn_seconds)
local answers = {string.format('%.0f', now * 1000000)}

for index, key in ipairs(KEYS) do
  local at = 4 * index + 1
  local is_late = false
  local places, filled = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local recrawls, wanting = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local others_filled, others, others_wanting, before, before_wanting = 0, 0, 0, 0, 0
  local entries = redis.call('HGETALL', key)
  for field = 1, #entries, 2 do
    local f, r, w, ends_at, asked = string.match(entries[field + 1], '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
    -- An entry that ends too far away is one of a clock that has jumped back.
    if not f or tonumber(ends_at) < now or tonumber(ends_at) > now + lasts + 1 then
      redis.call('HDEL', key, entries[field])
    elseif entries[field] == me then
      is_late = tonumber(asked) >= number
    else
      f, r, w = tonumber(f), tonumber(r), tonumber(w)
      others_filled, others, others_wanting = others_filled + f, others + r, others_wanting + w
      if entries[field] < me then
        before, before_wanting = before + r, before_wanting + w
      end
    end
  end
  local mine, first, all = recrawls, before, recrawls + others
  if all > places then
    mine, first, all = wanting, before_wanting, wanting + others_wanting
  end
  local share = 0
  if others == 0 and recrawls > 0 then
    share = places
  elseif mine > 0 then
    local rest = places % all
    share = mine * math.floor(places / all)
    for rank = first, first + mine - 1 do
      if (rank - turn * rest) % all < rest then
        share = share + 1
      end
    end
  end
  -- What it fills of its share it keeps: that others fill more than theirs will end.
  share = math.max(math.min(share, filled), math.min(share, places - others_filled))
  if is_late then
    share = 0
  elseif recrawls > 0 or filled > 0 then
    local ends_at = string.format('%.0f', math.ceil(now + lasts))
    local entry = string.format('%d %d %d ', math.max(filled, share), recrawls, wanting) .. ends_at .. ' ' .. ARGV[2]
    redis.call('HSET', key, me, entry)
    redis.call('EXPIRE', key, math.ceil(lasts) + 1)
  else
    redis.call('HDEL', key, me)
  end
  answers[#answers + 1] = share
  answers[#answers + 1] = others
end
return answers
