-- Takes the lane of the first event that is due at a sink and that no other courier has, and reads what is left of it.
--
-- KEYS: the events that wait for the sink, by time; the outbox; the failures of the sink.
-- ARGV: the time; the name of the sink; the token of the lease and its seconds; how long (seconds) an event waits whose
--   lane another courier has; how many events are looked at; how many are read; what the keys begin with of lanes of the
--   sink, of events and of cases, and what those of a case's list of events end with.
-- Returns false when there is none. {id} for an event that cannot be read. Else {id, case, number of the case's events,
-- rows}: each row is {id, event, until} of an event that is in the outbox and has no mark of the sink, in the order of
-- the case, one that its list lacks last; `until` is when an event that failed is tried next, or false.
local waiting, outbox, failures = KEYS[1], KEYS[2], KEYS[3]
local at, sink, token, lease, taken, looked_at, most = unpack(ARGV, 1, 7)
local lane_prefix, event_prefix, case_prefix, case_suffix = unpack(ARGV, 8, 11)

local function left_of(case, first)
  local ids, is_listed = redis.call('LRANGE', case_prefix .. case .. case_suffix, 0, -1), false
  for _, id in ipairs(ids) do
    is_listed = is_listed or id == first
  end
  if not is_listed then
    ids[#ids + 1] = first
  end
  local rows = {}
  for _, id in ipairs(ids) do
    if #rows < tonumber(most) and redis.call('HEXISTS', outbox, id) == 1 then
      local found = redis.call('HMGET', event_prefix .. id, 'json', sink)
      if found[1] and not found[2] then
        local has_failed = redis.call('HEXISTS', failures, id) == 1
        rows[#rows + 1] = {id, found[1], has_failed and redis.call('ZSCORE', waiting, id)}
      end
    end
  end
  return #ids, rows
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', waiting, '-inf', at, 'LIMIT', 0, looked_at)) do
  local stored = redis.call('HGET', event_prefix .. id, 'json')
  if not stored then
    redis.call('ZREM', waiting, id)
    redis.call('HDEL', failures, id)
  else
    local is_json, event = pcall(cjson.decode, stored)
    local case = is_json and type(event) == 'table' and event.case_id
    if type(case) ~= 'string' then
      return {id}
    end
    if redis.call('SET', lane_prefix .. case, token, 'NX', 'EX', lease) then
      local number, rows = left_of(case, id)
      return {id, case, number, rows}
    end
    redis.call('ZADD', waiting, 'XX', tonumber(at) + tonumber(taken), id)
  end
end
return false
