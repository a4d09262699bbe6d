-- Sets when cases of a host are due, and with that when the host is.
-- KEYS: hosts by when they are due, the cases of the host by when they are.
-- ARGV: the host; then for each case its id, "set", "keep" (what there is) or "drop", and when it is due.
for i = 2, #ARGV, 3 do
  if ARGV[i + 1] == 'drop' then
    redis.call('ZREM', KEYS[2], ARGV[i])
  elseif ARGV[i + 1] == 'keep' then
    redis.call('ZADD', KEYS[2], 'NX', ARGV[i + 2], ARGV[i])
  else
    redis.call('ZADD', KEYS[2], ARGV[i + 2], ARGV[i])
  end
end
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if first[1] then
  redis.call('ZADD', KEYS[1], first[2], ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
