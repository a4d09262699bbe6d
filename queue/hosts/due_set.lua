-- Sets when a host is due, with its clock and one visit of its history; the whole or, for an old fence, nothing.
--
-- With a fence (ARGV[2] is not empty) the caller must hold the lease of that token: the lease ends. Without one the
-- caller is an operator: a host that is leased stays so, and its next due time is decided when its visit ends.
--
-- An operator may have asked for a visit since the caller read the clock: then the host is due at that time.
--
-- KEYS: due, ready, leases, claims, the host's clock, its visits, the day's totals.
-- ARGV: name, fence or '', due time in seconds since 1970 or 'inf' or '' (leave it where it is), the wish that the caller
--   saw or '', the visit as JSON or '', the most visits to keep, the seconds for which the day's totals are kept, the
--   number of fields to remove, these fields, the number of day's totals, these with their increments, then fields of the
--   clock with their values.
-- Returns 1; 0 when the fence is not that of the lease.
local name, fence, due, seen = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if fence ~= '' then
  local held = redis.call('HGET', KEYS[4], name)
  if not held or string.match(held, '^%d+') ~= fence then
    return 0
  end
end
local at = 8
local removed = tonumber(ARGV[at])
local wish = redis.call('HGET', KEYS[5], 'a')
for index = at + 1, at + removed do
  if fence == '' or ARGV[index] ~= 'a' or wish == seen then
    redis.call('HDEL', KEYS[5], ARGV[index])
  end
end
at = at + removed + 1
local totals = tonumber(ARGV[at])
for index = at + 1, at + 2 * totals, 2 do
  redis.call('HINCRBYFLOAT', KEYS[7], ARGV[index], ARGV[index + 1])
end
if totals > 0 then
  redis.call('EXPIRE', KEYS[7], ARGV[7])
end
for index = at + 2 * totals + 1, #ARGV, 2 do
  redis.call('HSET', KEYS[5], ARGV[index], ARGV[index + 1])
end
if ARGV[5] ~= '' then
  redis.call('LPUSH', KEYS[6], ARGV[5])
  redis.call('LTRIM', KEYS[6], 0, tonumber(ARGV[6]) - 1)
end
if fence ~= '' then
  redis.call('ZREM', KEYS[3], name)
  redis.call('HDEL', KEYS[4], name)
  local later = redis.call('HGET', KEYS[5], 'a')
  if later and later ~= seen and (due == 'inf' or tonumber(later) < tonumber(due)) then
    due = later
    redis.call('HSET', KEYS[5], 't', '-10000000000')
  end
elseif due == '' or redis.call('ZSCORE', KEYS[3], name) then
  return 1
end
redis.call('ZREM', KEYS[2], name)
redis.call('ZADD', KEYS[1], due, name)
return 1
