-- Requests for wrk, every one different, and the run's figures as one line of JSON.
-- Arguments: "clicks" SEED ORIGIN, or "completions" FILE (lines of "path session_id").
local thread
sent, available = 0, math.huge

local function clicks(seed, origin)
  wrk.headers["Origin"] = origin
  return function(n)
    return nil, string.format(
      '{"product_id":"sku-%d","category":"footwear","click_id":"%08x-0000-4000-8000-%012x"}',
      n % 100, seed, n)
  end
end

local function completions(file)
  local lines = {}
  for line in io.lines(file) do lines[#lines + 1] = line end
  available = #lines
  return function(n)
    local path, id = lines[(n - 1) % #lines + 1]:match("(%S+) (%S+)")
    return path, string.format('{"session_id":"%s","state":"completed"}', id)
  end
end

local make

function setup(t) thread = t end

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  make = ({ clicks = clicks, completions = completions })[args[1]](args[2], args[3])
end

function request()
  sent = sent + 1
  local path, body = make(sent)
  return wrk.format(nil, path, nil, body)
end

-- "repeats": requests that had been sent before, since the file had no more. Times in microseconds.
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\n{"answers":%d,"micros":%d,"refused":%d,"broken":%d,"timeouts":%d,"p50":%d,"p99":%d,"repeats":%d}\n',
    summary.requests, summary.duration, e.status, e.connect + e.read + e.write, e.timeout,
    latency:percentile(50), latency:percentile(99),
    math.max(0, thread:get("sent") - thread:get("available"))))
end
