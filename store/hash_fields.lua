-- Reads the same fields of many hashes in one command.
--
-- ARGV: the prefix of the keys, the number of fields, these fields, then the rest of each key.
-- Returns for each key the values of its fields, false for one that is not there; a key that is no hash has none.
local prefix, count = ARGV[1], tonumber(ARGV[2])
local fields = {unpack(ARGV, 3, 2 + count)}
local rows = {}
for index = 3 + count, #ARGV do
  local row = redis.pcall('HMGET', prefix .. ARGV[index], unpack(fields))
  if row.err then
    row = {}
    for at = 1, count do
      row[at] = false
    end
  end
  rows[#rows + 1] = row
end
return rows
