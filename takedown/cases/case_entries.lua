-- Writes the entries of a case in place of those that it had: what it had stands in the case itself.
-- KEYS: the case, what held cases cost, the texts of cases.
-- ARGV: how the names of shelves begin; the id of the case; "now", or "older": nothing is done where the case has
-- entries by the same rules; what a held case costs, else empty; then a line each: the rules, and the entries,
-- "s PLACE SHELF" or "t 0 TEXT".
local id, new = ARGV[2], {}
local before = redis.call('HGET', KEYS[1], 'entries')
if ARGV[3] == 'older' and before and string.match(before, '^[^\n]*') == ARGV[5] then
  return
end
if ARGV[4] == '' then
  redis.call('HDEL', KEYS[2], id)
else
  redis.call('HSET', KEYS[2], id, ARGV[4])
end
local written = table.concat(ARGV, '\n', 5)
if before == written then
  return
end
for i = 6, #ARGV do
  local kind, place, name = string.match(ARGV[i], '^(%a) (%S+) (.*)$')
  new[kind .. name] = true
  if kind == 's' then
    redis.call('ZADD', ARGV[1] .. name, place, id)
  else
    redis.call('ZADD', KEYS[3], place, name)
  end
end
for line in string.gmatch(before or '', '[^\n]+') do
  local kind, _, name = string.match(line, '^(%a) (%S+) (.*)$')
  if kind and not new[kind .. name] then
    if kind == 's' then
      redis.call('ZREM', ARGV[1] .. name, id)
    else
      redis.call('ZREM', KEYS[3], name)
    end
  end
end
redis.call('HSET', KEYS[1], 'entries', written)
