"""What Redis does in one step: Lua scripts, and the keys that they touch.

All keys have one hash tag. What is counted stands under them as follows:

=======================  ========  ==================================================================================
key                      type      what it holds
=======================  ========  ==================================================================================
``stream``               stream    entries that no relay has counted; each is deleted when it is
``producer:ID``          string    number of the last batch of one process of a host; kept for a week
``incident:MEMBER``      hash      ``opening`` (the ID of its first entry), ``first``, ``last`` (by the broker's clock,
                                   in ms), ``nPLACE`` (records), ``aSLOT`` (their newest alert, JSON), ``iSLOT`` (the
                                   ID of that), ``slots`` (how many there are)
``open``                 zset      members: incidents that have not ended, by the time of their last change, in ms
``ended``                list      incidents that have ended, the newest first, at most 1,000, for a day: when, in ms,
                                   a blank, and ``{"member": ..., "fields": {...}}``
``aside``                list      entries that could not be counted, with the reasons, the newest first, at most 1,000
``quiet``                string    ms without records after which an incident ends; relays set it, laptops read it
``counters``             hash      ``counted`` (records), ``repeated`` (entries that two relays had read, and one had
                                   counted), ``aside`` (entries)
``lease:DESKTOP``        string    the relay that shows on a desktop, and the number of the lease
``fence:DESKTOP``        string    number of the newest lease
``reported:DESKTOP``     hash      by member, what the desktop shows of an incident; ``caught-up``: which ended
                                   incidents it knows of; ``announced``: digests that it is about to be shown
=======================  ========  ==================================================================================

A member is ``INCIDENT:APPLICATION``, a place ``["LOGGER", "MACHINE", LEVEL]``, a slot ``["LOGGER", LEVEL]``, both in
JSON. Places and slots of one incident are bounded. Records beyond these bounds are counted with an empty machine or
logger: the sum stays exact, but a match that names a machine or a logger does not find them.

The scripts make an incident's key from its member. A Redis Cluster, which needs all keys named in advance, is therefore
not supported.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

_TAG: Final = "{gntp-logging}:"
STREAM: Final = f"{_TAG}stream"
PRODUCER: Final = f"{_TAG}producer:"
INCIDENT: Final = f"{_TAG}incident:"
OPEN: Final = f"{_TAG}open"
ENDED: Final = f"{_TAG}ended"
ASIDE: Final = f"{_TAG}aside"
QUIET: Final = f"{_TAG}quiet"
COUNTERS: Final = f"{_TAG}counters"
LEASE: Final = f"{_TAG}lease:"
FENCE: Final = f"{_TAG}fence:"
REPORTED: Final = f"{_TAG}reported:"
TRIAL: Final = f"{_TAG}trial:"

GROUP: Final = "relays"

MAX_LISTED: Final = 1000
"""Entries of the list of ended incidents, and of the list of entries that were set aside."""

MAX_PLACES: Final = 20_000
"""Places by which one incident is counted: ten thousand machines take two megabytes."""

MAX_SLOTS: Final = 64
"""Slots of one incident: each keeps an alert of 16 KiB at most."""

MAX_ENDED_PLACES: Final = 200
"""Places that are kept of an incident that has ended: a thousand such incidents take twelve megabytes."""

REST: Final = ""
"""The machine, or the logger, of records beyond these bounds; no real one has this name."""

DAY: Final = 86_400
WEEK: Final = 7 * DAY


class Script(NamedTuple):
    """A Lua script, and the hash by which Redis knows it."""

    text: str
    sha: str


def _script(text: str) -> Script:
    """Make a script that also runs while Redis is full: counting and showing take out more than they put in."""
    return _refused_when_full(f"#!lua flags=allow-oom{text}")


def _refused_when_full(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode("ascii"), usedforsecurity=False).hexdigest())


PUBLISH: Final = _refused_when_full("""
-- KEYS: stream, producer. ARGV: batch's number, most entries, seconds that the number is kept, then pairs of fields.
local last = redis.call('GET', KEYS[2])
if last and tonumber(last) >= tonumber(ARGV[1]) then return 'known' end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[2]) then return 'full' end
for i = 4, #ARGV, 2 do redis.call('XADD', KEYS[1], '*', 'd', ARGV[i], 's', ARGV[i + 1]) end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[3])
return 'taken'
""")

MAKE_GROUP: Final = _script("""
-- KEYS: stream. ARGV: group. Returns whether it was not there.
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if not made.err then return 1 end
if string.find(made.err, 'BUSYGROUP', 1, true) then return 0 end
return made
""")

COUNT: Final = _script("""
-- KEYS: stream, open, counters. ARGV: group, prefix of incidents, seconds that an incident is kept, most places, most
-- slots; then for each entry ID, member, records, place, slot, alert, and ms from the first and the last record to the
-- entry. Only the call that acknowledges an entry counts it.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function parts(id)
  local ms, number = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(number)
end
local function is_newer(id, than)
  if not than then return true end
  local ms, number = parts(id)
  local other_ms, other_number = parts(than)
  return ms > other_ms or (ms == other_ms and number > other_number)
end
local function bounded(key, place, slot)
  if redis.call('HEXISTS', key, 'i' .. slot) == 0 then
    if tonumber(redis.call('HGET', key, 'slots') or '0') >= tonumber(ARGV[5]) then
      local found = cjson.decode(place)
      local level = math.max(0, math.min(50, 10 * math.floor((found[3] or 0) / 10)))  -- so that these are few, too
      place = cjson.encode({'', found[2], level})
      slot = cjson.encode({'', level})
    else
      redis.call('HINCRBY', key, 'slots', 1)
    end
  end
  if redis.call('HEXISTS', key, 'n' .. place) == 0 and redis.call('HLEN', key) >= tonumber(ARGV[4]) then
    local found = cjson.decode(place)
    found[2] = ''
    place = cjson.encode(found)
  end
  return place, slot
end
local counted, repeated = 0, 0
for i = 6, #ARGV, 8 do
  local id, member, records = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if redis.call('XACK', KEYS[1], ARGV[1], id) == 1 then
    redis.call('XDEL', KEYS[1], id)
    local key = ARGV[2] .. member
    local ms = parts(id)
    local first, last = ms - tonumber(ARGV[i + 6]), ms - tonumber(ARGV[i + 7])
    if redis.call('HSETNX', key, 'opening', id) == 1 then redis.call('HSET', key, 'first', first, 'last', last) end
    if first < tonumber(redis.call('HGET', key, 'first')) then redis.call('HSET', key, 'first', first) end
    if last > tonumber(redis.call('HGET', key, 'last')) then redis.call('HSET', key, 'last', last) end
    local place, slot = bounded(key, ARGV[i + 3], ARGV[i + 4])
    redis.call('HINCRBY', key, 'n' .. place, records)
    if is_newer(id, redis.call('HGET', key, 'i' .. slot)) then
      redis.call('HSET', key, 'i' .. slot, id, 'a' .. slot, ARGV[i + 5])
    end
    redis.call('EXPIRE', key, ARGV[3])
    redis.call('ZADD', KEYS[2], now, member)
    redis.call('EXPIRE', KEYS[2], ARGV[3])
    counted = counted + records
  else
    repeated = repeated + 1
  end
end
if counted > 0 then redis.call('HINCRBY', KEYS[3], 'counted', counted) end
if repeated > 0 then redis.call('HINCRBY', KEYS[3], 'repeated', repeated) end
return counted
""")

SET_ASIDE: Final = _script("""
-- KEYS: stream, aside, counters. ARGV: group, ID, what is kept of the entry, most that are kept.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XDEL', KEYS[1], ARGV[2])
redis.call('LPUSH', KEYS[2], ARGV[3])
redis.call('LTRIM', KEYS[2], 0, ARGV[4] - 1)
return redis.call('HINCRBY', KEYS[3], 'aside', 1)
""")

END: Final = _script("""
-- KEYS: open, ended, quiet. ARGV: prefix of incidents, ms of quiet, most that are kept, seconds that they are kept,
-- most places of one. Of places beyond that only sums are kept: a fleet of thousands would fill the list.
-- Without ms of quiet, those that the relays have set hold: five minutes if none has set any.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local said = redis.call('GET', KEYS[3])
local ms = ARGV[2]
if ms == '' then
  ms = said or '300000'
elseif ms ~= said and tonumber(ms) > 0 then
  redis.call('SET', KEYS[3], ms)
end
local quiet = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ms, 'LIMIT', 0, 100)
-- Readers of the list see by the time what is new in it, so no two calls use the same time.
local newest = redis.call('LINDEX', KEYS[2], 0)
if newest then now = math.max(now, tonumber(string.match(newest, '^%d+')) + 1) end
for _, member in ipairs(quiet) do
  local key = ARGV[1] .. member
  local found = redis.call('HGETALL', key)
  local fields, records, places = {}, {}, 0
  for i = 1, #found, 2 do
    local name = found[i]
    if string.sub(name, 1, 1) == 'n' then
      places = places + 1
      if places > tonumber(ARGV[5]) then
        local place = cjson.decode(string.sub(name, 2))
        place[2] = ''
        name = 'n' .. cjson.encode(place)
      end
      records[name] = (records[name] or 0) + tonumber(found[i + 1])
    else
      fields[name] = found[i + 1]
    end
  end
  for name, count in pairs(records) do fields[name] = string.format('%.0f', count) end
  if #found > 0 then
    redis.call('LPUSH', KEYS[2], string.format('%.0f ', now) .. cjson.encode({member = member, fields = fields}))
    redis.call('DEL', key)
  end
  redis.call('ZREM', KEYS[1], member)
end
if #quiet > 0 then
  redis.call('LTRIM', KEYS[2], 0, ARGV[3] - 1)
  redis.call('EXPIRE', KEYS[2], ARGV[4])
end
return #quiet
""")

HOLD: Final = _script("""
-- KEYS: lease, fence. ARGV: the relay that asks, the lease that it holds, ms.
-- Returns the lease, and whether it is new; an empty list if another relay has it.
local held = redis.call('GET', KEYS[1])
if held and held == ARGV[2] then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {held, 0}
end
if held then return {} end
local lease = ARGV[1] .. ':' .. redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], lease, 'PX', ARGV[3])
return {lease, 1}
""")

RELEASE: Final = _script("""
-- KEYS: lease. ARGV: the lease.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""")

CHANGED: Final = _script("""
-- KEYS: open, ended, quiet. ARGV: prefix of incidents, ms since when. Returns the time, that of the newest end, the
-- relays' quiet in ms (0 if none has set it), and members with their fields.
local time = redis.call('TIME')
local newest = redis.call('LINDEX', KEYS[2], 0)
local found = {time[1] * 1000 + math.floor(time[2] / 1000), newest and tonumber(string.match(newest, '^%d+')) or 0}
found[3] = tonumber(redis.call('GET', KEYS[3]) or 0)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[2], '+inf')) do
  found[#found + 1] = member
  found[#found + 1] = redis.call('HGETALL', ARGV[1] .. member)
end
return found
""")

NOTE: Final = _script("""
-- KEYS: lease, reported. ARGV: the lease, seconds that it is kept, how many are written, names and values of these,
-- then names that are forgotten. Does nothing if another relay has the lease by now.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local last = 3 + 2 * tonumber(ARGV[3])
for i = 4, last, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
for i = last + 1, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
""")

FORGET_CONSUMERS: Final = _script("""
-- KEYS: stream. ARGV: group, ms. A consumer with pending entries stays: they would be lost with it.
local gone = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local found = {}
  for i = 1, #consumer, 2 do found[consumer[i]] = consumer[i + 1] end
  if found.pending == 0 and found.idle > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], found.name)
    gone = gone + 1
  end
end
return gone
""")

STATUS: Final = _script("""
-- KEYS: stream, open, aside, counters, leases. ARGV: group. Returns six numbers, the counters, and the leases.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function unless_there_is_none(answer)
  local why = answer.err or ''
  if why ~= '' and not string.find(why, 'NOGROUP', 1, true) and not string.find(why, 'no such key', 1, true) then
    error(answer)
  end
  return answer
end
local pending = unless_there_is_none(redis.pcall('XPENDING', KEYS[1], ARGV[1]))
local info = unless_there_is_none(redis.pcall('XINFO', 'STREAM', KEYS[1]))
local added = 0
for i = 1, #info, 2 do
  if info[i] == 'entries-added' then added = info[i + 1] end
end
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local age = oldest and math.max(0, now - tonumber(string.match(oldest[1], '^%d+'))) or 0
local leases = {}
for i = 5, #KEYS do leases[#leases + 1] = redis.call('GET', KEYS[i]) or '' end
return {
  added, redis.call('XLEN', KEYS[1]), pending[1] or 0, age, redis.call('ZCARD', KEYS[2]), redis.call('LLEN', KEYS[3]),
  redis.call('HGETALL', KEYS[4]), leases,
}
""")
