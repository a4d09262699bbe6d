-- Returns the shards that have something. One text names them all: to send 1,024 keys takes redis-py longer than it takes
-- the store to look at them.
-- ARGV: the shards, with blanks between them; the key of a shard, without its name.
local found = {}
for shard in string.gmatch(ARGV[1], '%S+') do
  if redis.call('EXISTS', ARGV[2] .. shard) == 1 then
    found[#found + 1] = shard
  end
end
return found
