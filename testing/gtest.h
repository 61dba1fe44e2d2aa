// EDDY_TEST: a GoogleTest test whose body is a task, on each backend, with a deadline. For programs
// that have GoogleTest; not part of <eddy/eddy.h>. Include it before the first ASSERT_.
//
//   EDDY_TEST(cache, KeepsWhatWasPut) {
//     auto c = co_await cache::open("…");
//     ASSERT_TRUE(co_await c.put("key", "value"));
//     EXPECT_EQ(co_await c.get("key"), "value");
//   }
//
// Such a test is two: cache.KeepsWhatWasPut/io_uring and …/epoll. EDDY_TEST_BACKENDS (a comma list)
// names the backends; without it, one that this machine does not have is skipped. The body runs as
// run() runs main: a test ends when nothing is pending any more. A deadlock, and an exception, is a
// failure; whatever fails says on which backend.
//
// Within 10 seconds, or so much as a third argument says (EDDY_TEST(cache, IsSlow, 60s)), or the
// environment for all: EDDY_TEST_DEADLINE in seconds, 0: none, for debuggers. A test that has not
// ended by then fails with a list of what waits and where, and is stopped; where not even that ends
// it in 5 seconds more, the program is aborted.
//
// EDDY_TEST_F(fixture, name) has a fixture as TEST_F.
//
// ASSERT_…, FAIL() and GTEST_SKIP() of GoogleTest leave a function by `return`, which no coroutine
// may. In a file that includes this header they throw what GoogleTest catches in silence: so they end
// the test, from a coroutine and from any function that it calls. (A thread of one's own, or what is
// noexcept, must not throw: EXPECT_ there.)
#pragma once

#include <eddy/runtime/detail/language.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/coro/run.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/runtime/clock.h>
#include <eddy/runtime/detail/loop.h>
#include <eddy/runtime/runtime.h>

// (No namespace eddy::testing: `using namespace eddy` would make GoogleTest's own ambiguous.)
namespace eddy::detail {

/// Tells GoogleTest, and ends the test.
class test_ending {
 public:
  test_ending(::testing::TestPartResult::Type type, const char* file, int line,
              const char* message) noexcept
      : type_(type), file_(file), line_(line), message_(message) {}
  /// (As GoogleTest's own helper, for `= Message() << …` of whoever uses the macro.)
  [[noreturn]] void operator=(const ::testing::Message& more) const {
    ::testing::internal::AssertHelper(type_, file_, line_, message_) = more;
    throw ::testing::AssertionException(::testing::TestPartResult(type_, file_, line_, message_));
  }

 private:
  ::testing::TestPartResult::Type type_;
  const char* file_;
  int line_;
  const char* message_;
};

/// Where a test stands in its source, and on which backend it runs.
struct test_place {
  const char* file;
  int line;
  std::string backend;
};

/// EDDY_TEST_BACKENDS as it is; empty: not given.
inline std::string asked_backends() {
  const char* list = std::getenv("EDDY_TEST_BACKENDS");
  return list ? list : "";
}

inline std::vector<std::string> test_backends() {
  std::string list = asked_backends();
  if (list.empty()) return {"io_uring", "epoll"};
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    const std::string name = list.substr(at, comma - at);
    // (Of the library's own tests: a backend that only they have.)
    if (!name.empty() && name != "simulation") names.push_back(name);
    at = comma + 1;
  }
  return names;
}

inline duration test_deadline(duration own) {
  constexpr duration none = std::chrono::hours(24 * 365);
  if (const char* text = std::getenv("EDDY_TEST_DEADLINE"); text && *text) {
    const double seconds = std::strtod(text, nullptr);
    own = seconds > 0 && seconds < 1e6 ? duration(static_cast<std::int64_t>(seconds * 1e9)) : none;
  }
  return std::min(own, none);
}

/// A thread that ends a test which does not end by itself.
class test_watch {
 public:
  test_watch(runtime& rt, const test_place& place, duration patience)
      : runtime_(rt), place_(place), patience_(patience), thread_([this] { watch(); }) {}
  test_watch(const test_watch&) = delete;
  test_watch& operator=(const test_watch&) = delete;
  ~test_watch() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  bool has_stopped_it() const noexcept { return has_stopped_it_; }

 private:
  bool ends_within(duration time, std::unique_lock<std::mutex>& lock) {
    return changed_.wait_for(lock, time, [this] { return ended_; });
  }
  void watch() {
    std::unique_lock lock(mutex_);
    if (ends_within(patience_, lock)) return;
    runtime_.post([this] { stop_it(); });
    if (ends_within(std::chrono::seconds(5), lock)) return;
    std::fprintf(stderr,
                 "%s:%d: eddy: on %s the test blocks the loop, or goes on though it was stopped\n",
                 place_.file, place_.line, place_.backend.c_str());
    std::abort();
  }
  /// (On the loop's thread.)
  void stop_it() {
    has_stopped_it_ = true;
    std::array<char, 32> seconds{};
    std::snprintf(seconds.data(), seconds.size(), "%g",
                  std::chrono::duration<double>(patience_).count());
    const auto& tasks = loop_of(runtime_).tasks;
    ADD_FAILURE_AT(place_.file, place_.line)
        << "the test has not ended within " << seconds.data()
        << " s. What waits:" << (tasks ? tasks->describe() : "");
    runtime_.request_stop();
  }

  runtime& runtime_;
  const test_place& place_;
  const duration patience_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  bool has_stopped_it_ = false;
  std::thread thread_;
};

/// False: the backend is not to be had, which is said.
inline bool test_has_backend(runtime& rt, const test_place& place) {
  try {
    static_cast<void>(rt.backend());
    return true;
  } catch (const std::exception& e) {
    if (!asked_backends().empty()) {
      ADD_FAILURE_AT(place.file, place.line) << e.what();
    } else {
      GTEST_MESSAGE_AT_(place.file, place.line, e.what(), ::testing::TestPartResult::kSkip);
    }
    return false;
  }
}

template <class F>
void run_test(const test_place& place, duration deadline, F body) {
  const ::testing::ScopedTrace trace(place.file, place.line, "on " + place.backend);
  runtime_options options;
  if (place.backend == "io_uring") {
    options.backend = backend_kind::io_uring;
  } else if (place.backend == "epoll") {
    options.backend = backend_kind::epoll;
  } else {
    ADD_FAILURE_AT(place.file, place.line) << "no backend is called " << place.backend;
    return;
  }
  runtime rt(options);
  if (!test_has_backend(rt, place)) return;
  const test_watch watch(rt, place, test_deadline(deadline));
  try {
    run(rt, std::move(body));
  } catch (const ::testing::AssertionException&) {
    // (told already)
  } catch (const stopped_error& e) {
    if (!watch.has_stopped_it()) ADD_FAILURE_AT(place.file, place.line) << e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE_AT(place.file, place.line)
        << "an exception came out of the test: " << ::testing::internal::GetTypeName(typeid(e))
        << ": " << e.what();
  } catch (...) {
    ADD_FAILURE_AT(place.file, place.line) << "an exception came out of the test";
  }
}

template <class Test, class Fixture>
bool register_test(const char* suite, const char* name, const char* file, int line) {
  for (const std::string& backend : test_backends()) {
    const std::string full = std::string(name) + '/' + backend;
    ::testing::RegisterTest(
        suite, full.c_str(), nullptr, backend.c_str(), file, line,
        [file, line, backend]() -> Fixture* { return new Test({file, line, backend}); });
  }
  return true;
}

/// `EDDY_TEST(…)` and `EDDY_TEST(…, 60s)`
constexpr duration deadline_of_test(any_duration own = std::chrono::seconds(10)) noexcept {
  return own.value;
}

}  // namespace eddy::detail

#undef GTEST_FATAL_FAILURE_
#define GTEST_FATAL_FAILURE_(message)                                                       \
  ::eddy::detail::test_ending(::testing::TestPartResult::kFatalFailure, __FILE__, __LINE__, \
                              message) = ::testing::Message()
#undef GTEST_SKIP_
#define GTEST_SKIP_(message)                                                                   \
  ::eddy::detail::test_ending(::testing::TestPartResult::kSkip, __FILE__, __LINE__, message) = \
      ::testing::Message()
#undef GTEST_FAIL_AT
#define GTEST_FAIL_AT(file, line)                                                               \
  ::eddy::detail::test_ending(::testing::TestPartResult::kFatalFailure, file, line, "Failed") = \
      ::testing::Message()

#define EDDY_TEST_OF_(suite, name, fixture, ...)                                                 \
  class suite##_##name##_EddyTest : public fixture {                                             \
   public:                                                                                       \
    explicit suite##_##name##_EddyTest(::eddy::detail::test_place place)                         \
        : eddy_place_(std::move(place)) {}                                                       \
                                                                                                 \
   private:                                                                                      \
    ::eddy::task<> eddy_body();                                                                  \
    void TestBody() override {                                                                   \
      ::eddy::detail::run_test(eddy_place_, ::eddy::detail::deadline_of_test(__VA_ARGS__),       \
                               [this]() EDDY_CORO_WRAPPER_LAMBDA { return eddy_body(); });       \
    }                                                                                            \
    const ::eddy::detail::test_place eddy_place_;                                                \
  };                                                                                             \
  [[maybe_unused]] static const bool suite##_##name##_eddy_test_is_registered =                  \
      ::eddy::detail::register_test<suite##_##name##_EddyTest, fixture>(#suite, #name, __FILE__, \
                                                                        __LINE__);               \
  ::eddy::task<> suite##_##name##_EddyTest::eddy_body()

/// A test on each backend; its body is a task<>, with at least one co_await or co_return. A third
/// argument is its deadline, if that is not to be 10 seconds.
#define EDDY_TEST(suite, name, ...) \
  EDDY_TEST_OF_(suite, name, ::testing::Test __VA_OPT__(, ) __VA_ARGS__)
/// The same with a fixture, whose members the body sees.
#define EDDY_TEST_F(fixture, name, ...) \
  EDDY_TEST_OF_(fixture, name, fixture __VA_OPT__(, ) __VA_ARGS__)
