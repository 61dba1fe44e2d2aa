// The fixtures of whole-runtime tests.
#include "tests/support/runtime_test.h"

#include <cerrno>
#include <map>
#include <stdexcept>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <eddy/runtime/detail/loop.h>

#include "runtime/mailbox.h"
#include "runtime/pool.h"

namespace eddy::test {

namespace {

detail::simulated::machine* last_machine = nullptr;

class counting_backend;
counting_backend* last_counting = nullptr;
std::string counted_name;

std::unique_ptr<detail::backend> make_simulated(const detail::backend_parts& parts,
                                                void* /*context*/) {
  auto made = detail::simulated::make_alone(parts, without_delay());
  last_machine = detail::simulated::machine_of(made.get());
  return made;
}

std::unique_ptr<detail::backend> make_by_name(const std::string& name,
                                              const detail::backend_parts& parts) {
  if (name == "io_uring") return detail::make_uring_backend(parts);
  if (name == "epoll") return detail::make_epoll_backend(parts);
  if (name == "simulation") return make_simulated(parts, nullptr);
  throw std::invalid_argument("no backend is called " + name);
}

class counting_backend final : public detail::backend {
 public:
  explicit counting_backend(std::unique_ptr<detail::backend> inner) : inner_(std::move(inner)) {
    last_counting = this;
  }
  ~counting_backend() override {
    if (last_counting == this) last_counting = nullptr;
  }
  void run(detail::turn& t) override {
    ++use.runs;
    use.sleeps += t.until != time_point::min();
    inner_->run(t);
    inside_ = inner_->inside();
  }
  int ask(const request& r) noexcept override { return inner_->ask(r); }
  void wake() noexcept override { inner_->wake(); }
  time_point now() noexcept override {
    ++use.clock_reads;
    return inner_->now();
  }
  int native_handle() noexcept override { return inner_->native_handle(); }
  const char* name() const noexcept override { return inner_->name(); }

  backend_use counted() const {
    backend_use all = use;
    all.enters = inner_->counts().enters;
    return all;
  }
  backend_use use;

 private:
  std::unique_ptr<detail::backend> inner_;
};

}  // namespace

std::unique_ptr<runtime> make_runtime(const std::string& backend, runtime_options options) {
  if (backend == "io_uring") options.backend = backend_kind::io_uring;
  if (backend == "epoll") options.backend = backend_kind::epoll;
  auto made = std::make_unique<runtime>(options);
  if (backend == "simulation") {
    detail::use_backend(*made, &make_simulated);
  } else if (options.backend == backend_kind::automatic) {
    throw std::invalid_argument("no backend is called " + backend);
  }
  return made;
}

std::unique_ptr<runtime> make_counted_runtime(const std::string& backend, runtime_options options) {
  counted_name = backend;
  auto made = std::make_unique<runtime>(options);
  detail::use_backend(
      *made, [](const detail::backend_parts& parts, void*) -> std::unique_ptr<detail::backend> {
        auto counting = std::make_unique<counting_backend>(make_by_name(counted_name, parts));
        parts.workers.set_doorbell(
            [](void* b) noexcept { static_cast<detail::backend*>(b)->wake(); }, counting.get());
        return counting;
      });
  return made;
}

backend_use used() {
  return last_counting ? last_counting->counted() : backend_use{};
}

void advance_time(duration d) {
  detail::simulated::world& in = last_machine->in();
  in.advance_to(in.now() + d.count());
}
void set_wall_clock(std::chrono::system_clock::time_point t) {
  last_machine->set_wall_clock(duration(t.time_since_epoch()).count());
}

void every_runtime::SetUp() {
  // Once for each backend: one that cannot be had is a failure, and its tests would all say the
  // same.
  static std::map<std::string, std::string> refusals;
  auto [refusal, is_new] = refusals.try_emplace(GetParam());
  if (is_new) {
    try {
      static_cast<void>(make_runtime(GetParam())->backend());
    } catch (const std::exception& e) {
      refusal->second = e.what();
    }
  }
  if (!refusal->second.empty()) GTEST_FAIL() << GetParam() << " cannot be had: " << refusal->second;
}

void every_runtime::TearDown() {
  runtime_ = nullptr;
}

runtime& every_runtime::make(const runtime_options& options) {
  runtime_ = nullptr;
  runtime_ = make_runtime(GetParam(), options);
  return *runtime_;
}

runtime& every_runtime::make_counted(const runtime_options& options) {
  runtime_ = nullptr;
  runtime_ = make_counted_runtime(GetParam(), options);
  return *runtime_;
}

runtime& every_runtime::rt() {
  if (!runtime_) runtime_ = make_runtime(GetParam());
  return *runtime_;
}

// ---- Streams

namespace {

request of_descriptor(verb what, int descriptor, const void* address = nullptr,
                      std::size_t length = 0) {
  request r;
  r.what = what;
  r.descriptor = descriptor;
  r.address = reinterpret_cast<std::uintptr_t>(address);
  r.length = static_cast<std::uint32_t>(length);
  return r;
}

}  // namespace

stream_pair::stream_pair(runtime& rt) : runtime_(&rt) {
  request r = of_descriptor(verb::pair, AF_UNIX, ends_);
  r.options = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  EXPECT_EQ(detail::loop_of(*runtime_).ask(r), 0);
}

stream_pair::~stream_pair() {
  if (!runtime_) return;
  for (int end : ends_) detail::loop_of(*runtime_).ask(of_descriptor(verb::close, end));
}

void stream_pair::forget() {
  runtime_ = nullptr;
  for (int end : ends_) {
    if (end < detail::simulated::first_descriptor) ::close(end);
  }
}

void stream_pair::say(std::string_view text) {
  EXPECT_EQ(
      detail::loop_of(*runtime_).ask(of_descriptor(verb::send, ends_[1], text.data(), text.size())),
      static_cast<int>(text.size()));
}

std::string stream_pair::hear() {
  char text[64];
  const int n =
      detail::loop_of(*runtime_).ask(of_descriptor(verb::receive, ends_[0], text, sizeof text));
  if (n == -EAGAIN) return {};
  EXPECT_GE(n, 0);
  return n < 0 ? std::string() : std::string(text, static_cast<std::size_t>(n));
}

operation_awaitable stream_pair::read() noexcept {
  return perform(of_descriptor(verb::receive, ends_[0], buffer, sizeof buffer));
}

}  // namespace eddy::test
