-- Claims hosts that are due: the most urgent first, each with a fence token, for as long as its lease lasts.
--
-- A host is in exactly one of three sorted sets: `due` (by the second since 1970 when it is due; +inf: never), `ready`
-- (it is due; by its deadline, see below) and `leases` (somebody has it; by the end of the lease). The hash `claims` has
-- of each leased host its fence token, and what its holder noted behind it.
--
-- 1. Leases that have ended go back to `due`, due since their end: their tokens are worth nothing any more.
-- 2. Hosts that are due go to `ready`, at most ARGV[4] of them. The deadline is the due time plus the slack in the host's
--    clock (field `t`, its interval): of two that are due since the same moment the more valuable goes first, and none
--    waits for ever. An operator's wish has a slack so far below 0 that its deadline is negative: it goes before all.
-- 3. At most ARGV[1] of `ready` are leased, and at most ARGV[2] of those that no operator asked for.
--
-- KEYS: due, ready, leases, claims, last fence.
-- ARGV: the most to claim, the most of those without a wish, seconds of the lease, the most to make ready, the prefix of
--   clocks.
-- Returns name, fence, name, fence... A fence is higher than all before, also when the store has lost its last writes in
-- a fail-over: it is at least the server's time in microseconds.
local CHUNK = 1000
local now = redis.call('TIME')
local microseconds = now[1] * 1000000 + now[2]
local seconds = microseconds / 1000000

local function each_chunk(list, act)
  for first = 1, #list, CHUNK do
    act({unpack(list, first, math.min(first + CHUNK - 1, #list))})
  end
end

local ended = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', seconds, 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for at = 1, #ended, 2 do
  redis.call('ZREM', KEYS[3], ended[at])
  redis.call('HDEL', KEYS[4], ended[at])
  redis.call('ZADD', KEYS[1], ended[at + 1], ended[at])
end

local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', seconds, 'WITHSCORES', 'LIMIT', 0, ARGV[4])
if #due > 0 then
  -- One command for the slack of all: SORT keeps the order of the sorted set when it sorts by nothing.
  local slack = redis.call('SORT', KEYS[1], 'BY', 'nosort', 'LIMIT', 0, #due / 2, 'GET', ARGV[5] .. '*->t')
  local names, scored = {}, {}
  for at = 1, #due, 2 do
    names[#names + 1] = due[at]
    local own = tonumber(slack[(at + 1) / 2] or '') or 0
    if not (math.abs(own) < 1e12) then  -- no number, or none of a host: it would end the claims of all
      own = 0
    end
    scored[#scored + 1] = tonumber(due[at + 1]) + own
    scored[#scored + 1] = due[at]
  end
  each_chunk(scored, function(some) redis.call('ZADD', KEYS[2], unpack(some)) end)
  each_chunk(names, function(some) redis.call('ZREM', KEYS[1], unpack(some)) end)
end

local most, unasked = tonumber(ARGV[1]), tonumber(ARGV[2])
local claimed = {}
if most > 0 then
  claimed = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(0', 'LIMIT', 0, most)
  local rest = math.min(most - #claimed, unasked)
  if rest > 0 then
    for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '0', '+inf', 'LIMIT', 0, rest)) do
      claimed[#claimed + 1] = name
    end
  end
end
if #claimed == 0 then
  return {}
end
local before = tonumber(redis.call('GET', KEYS[5]) or '0') or 0
local fence = math.max(before, microseconds)
redis.call('SET', KEYS[5], string.format('%.0f', fence + #claimed))
local ends_at = string.format('%.3f', seconds + tonumber(ARGV[3]))
local leases, claims = {}, {}
for at, name in ipairs(claimed) do
  leases[#leases + 1] = ends_at
  leases[#leases + 1] = name
  claims[#claims + 1] = name
  claims[#claims + 1] = string.format('%.0f', fence + at)
end
each_chunk(claimed, function(some) redis.call('ZREM', KEYS[2], unpack(some)) end)
each_chunk(leases, function(some) redis.call('ZADD', KEYS[3], unpack(some)) end)
each_chunk(claims, function(some) redis.call('HSET', KEYS[4], unpack(some)) end)
return claims
