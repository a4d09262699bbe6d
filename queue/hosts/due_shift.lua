-- Moves due times that were computed anew, of hosts that nobody has touched since they were read.
--
-- KEYS: due.
-- ARGV: for each host its name, the due time that was read and the new one, 'inf' for never.
-- Returns how many were moved.
local moved = 0
for index = 1, #ARGV, 3 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[index])
  if score and tonumber(score) == tonumber(ARGV[index + 1]) then
    redis.call('ZADD', KEYS[1], ARGV[index + 2], ARGV[index])
    moved = moved + 1
  end
end
return moved
