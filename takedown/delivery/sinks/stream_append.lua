-- Appends an event to a stream, unless its entry is still there: KEYS stream, mark of the event; ARGV seconds that the
-- mark is kept, then fields and values. Returns the id of the entry.
local entry = redis.call('GET', KEYS[2])
if entry and #redis.call('XRANGE', KEYS[1], entry, entry) == 1 then
  return entry
end
entry = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
redis.call('SET', KEYS[2], entry, 'EX', ARGV[1])
return entry
