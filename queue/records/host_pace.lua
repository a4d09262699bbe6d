-- Writes the pace of a host that has asked to wait, as a worker has decided it from the one that it saw.
--
-- When another worker has written meanwhile, the longer wait and the longer delay of both are kept.
--
-- KEYS: the pace of the host.
-- ARGV: `asked_at` of the pace that was seen, or ''; then `until`, `delay`, `asked_at`, `times`; the seconds to keep it.
local seen = redis.call('HGET', KEYS[1], 'asked_at') or ''
local wait_until, delay, times = ARGV[2], ARGV[3], ARGV[5]
if seen ~= ARGV[1] then
  local stored = redis.call('HMGET', KEYS[1], 'until', 'delay', 'times')
  local function longer(mine, other)
    return (tonumber(other or '') or 0) > tonumber(mine) and other or mine
  end
  wait_until, delay, times = longer(wait_until, stored[1]), longer(delay, stored[2]), longer(times, stored[3])
end
redis.call('HSET', KEYS[1], 'until', wait_until, 'delay', delay, 'asked_at', ARGV[4], 'times', times)
redis.call('EXPIRE', KEYS[1], math.max(tonumber(ARGV[6]), redis.call('TTL', KEYS[1])))
return 1
