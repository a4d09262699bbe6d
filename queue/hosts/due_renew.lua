-- Lengthens leases, and notes what their holder does with them.
--
-- KEYS: leases, claims.
-- ARGV: seconds of the lease from now on, then for each host its name, its fence and the note, '' to leave the note.
-- Returns for each host 1, or 0 when the fence is not that of its lease: the caller has it no longer.
local now = redis.call('TIME')
local ends_at = string.format('%.3f', now[1] + now[2] / 1000000 + tonumber(ARGV[1]))
local kept = {}
for index = 2, #ARGV, 3 do
  local name, fence, note = ARGV[index], ARGV[index + 1], ARGV[index + 2]
  local held = redis.call('HGET', KEYS[2], name)
  if held and string.match(held, '^%d+') == fence then
    redis.call('ZADD', KEYS[1], ends_at, name)
    if note ~= '' then
      redis.call('HSET', KEYS[2], name, fence .. ' ' .. note)
    end
    kept[#kept + 1] = 1
  else
    kept[#kept + 1] = 0
  end
end
return kept
