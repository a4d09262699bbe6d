-- Claims the cases that are due of the hosts that are due, the longest due first, until their lease ends.
-- KEYS: hosts by when they are due.
-- ARGV: now, end of the lease, when a host that has a re-check under way is looked at again, most hosts, most cases of
-- a host, the beginning of the key of a host's cases, that of its re-check, and the latest time that anything can be due.
-- What is due later was written by a clock that was wrong: it is due now.
local claimed = {}
local function pull_in(key)
  for _, one in ipairs(redis.call('ZRANGE', key, '(' .. ARGV[8], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[5])) do
    redis.call('ZADD', key, ARGV[1], one)
  end
end
pull_in(KEYS[1])
for _, host in ipairs(redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[4])) do
  if redis.call('EXISTS', ARGV[7] .. host) == 1 then
    redis.call('ZADD', KEYS[1], ARGV[3], host)
  else
    local cases = ARGV[6] .. host
    pull_in(cases)
    local due = redis.call('ZRANGE', cases, '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[5])
    for _, case in ipairs(due) do
      redis.call('ZADD', cases, ARGV[2], case)
    end
    local first = redis.call('ZRANGE', cases, 0, 0, 'WITHSCORES')
    if first[1] then
      redis.call('ZADD', KEYS[1], first[2], host)
    else
      redis.call('ZREM', KEYS[1], host)
    end
    if due[1] then
      claimed[#claimed + 1] = {host, due}
    end
  end
end
return claimed
