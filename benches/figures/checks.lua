-- A load of single requests for wrk: LUA -- TOKEN FIRST COUNT KIND. KIND is `check`, `consent` or `bare`.
-- Everybody is asked about in turn, in an order that shares no factor with how many there are.
local parts, at, first, count, kind = {}, 0, 0, 1, "check"

local bodies = {
  check = '{"person":{"scheme":"member-number","value":"NNNNNNNNNN"},"organisation":"bibliotheek-de-linde","purpose":"newsletter","action":"contact","channel":"email","dataScopes":["email","identity"]}',
  consent = '{"person":{"scheme":"member-number","value":"NNNNNNNNNN"},"organisation":"bibliotheek-de-linde","purpose":"newsletter","status":"given","noticeVersion":3,"language":"nl","indicationMethod":"web-form","actor":{"type":"self"}}',
}

function init(words)
  first, count, kind = tonumber(words[2]), tonumber(words[3]), words[4]
  local body = bodies[kind] or bodies.check
  local path = wrk.path
  local all = "POST " .. path .. " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: Bearer "
    .. words[1] .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
  local from = string.find(all, "NNNNNNNNNN", 1, true)
  parts = { string.sub(all, 1, from - 1), string.sub(all, from + 10) }
  math.randomseed(os.time())
  at = math.random(0, count - 1)
end

function request()
  at = (at + 7368787) % count
  return parts[1] .. string.format("%010d", first + at) .. parts[2]
end

function done(summary, latency)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration, bad,
    latency:percentile(50), latency:percentile(99)))
end
