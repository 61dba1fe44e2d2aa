// Streams of the program's own, for the tests of what takes any stream.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <eddy/coro/sleep.h>
#include <eddy/coro/task.h>
#include <eddy/io/buffer.h>
#include <eddy/runtime/result.h>

namespace eddy::test {

/// A stream of the program's own, which gives its parts one by one, each at once; asked for what it
/// was not given it fails the test.
struct scripted {
  std::vector<std::string> parts;
  std::size_t next = 0;
  std::vector<std::size_t> asked = {};  // the sizes of the buffers that it was given
  std::vector<const void*> into = {};   // and where they were
  task<result<std::size_t>> read(mutable_buffer buffer) {
    asked.push_back(buffer.size());
    into.push_back(buffer.data());
    if (next >= parts.size()) co_return std::size_t{0};
    const std::string& part = parts[next++];
    if (part == "reset") co_return std::errc::connection_reset;
    if (part == "throw") throw std::runtime_error("a stream of the program's own");
    if (part == "wait") co_await sleep_for(std::chrono::hours(1));
    EXPECT_LE(part.size(), buffer.size());
    std::memcpy(buffer.data(), part.data(), part.size());
    co_return part.size();
  }
};

/// What a sink does with its next writes: takes so much at most, fails, throws, waits for ever.
struct sink_step {
  enum class kind { takes, fails, throws, waits };
  kind what = kind::takes;
  std::size_t most = 0;
};

/// A stream of the program's own to write to. Its steps come one by one; after the last it takes
/// everything.
struct sink {
  std::vector<sink_step> steps = {};
  std::string taken = {};
  std::vector<std::size_t> writes = {};  // how much each was offered
  std::vector<const void*> from = {};    // and where that was
  task<result<std::size_t>> write(const_buffer data) {
    writes.push_back(data.size());
    from.push_back(data.data());
    std::size_t most = data.size();
    if (!steps.empty()) {
      const sink_step step = steps.front();
      steps.erase(steps.begin());
      if (step.what == sink_step::kind::fails) co_return std::errc::connection_reset;
      if (step.what == sink_step::kind::throws)
        throw std::runtime_error("a sink of the program's own");
      if (step.what == sink_step::kind::waits) co_await sleep_for(std::chrono::hours(1));
      most = std::min(most, step.most);
    }
    taken.append(reinterpret_cast<const char*>(data.data()), most);
    co_return most;
  }
};

/// The same, of several buffers at once, too.
struct gathering_sink : sink {
  using sink::write;
  std::size_t gathered = 0;
  task<result<std::size_t>> write(std::span<const const_buffer> buffers) {
    ++gathered;
    std::string all;
    for (const const_buffer& b : buffers)
      all.append(reinterpret_cast<const char*>(b.data()), b.size());
    co_return co_await sink::write(const_buffer(all.data(), all.size()));
  }
};

}  // namespace eddy::test
