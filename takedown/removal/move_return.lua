-- Counts one return of a case under another name. One that an earlier release did not count has none to give, and a name
-- without returns is not kept.
-- KEYS: the returns by name. ARGV: the name before, the name from now on.
local left = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0') - 1
if left < 0 then
  return
end
redis.call('HINCRBY', KEYS[1], ARGV[2], 1)
if left == 0 then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], left)
end
