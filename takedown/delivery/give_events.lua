-- Has a run count events of the outbox among its own, but for those that were delivered meanwhile.
--
-- KEYS: the outbox. ARGV: the id of the run, then the ids of events. Returns how many still wait.
local given = 0
for index = 2, #ARGV do
  if redis.call('HEXISTS', KEYS[1], ARGV[index]) == 1 then
    redis.call('HSET', KEYS[1], ARGV[index], ARGV[1])
    given = given + 1
  end
end
return given
