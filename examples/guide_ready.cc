// Guide, 23: descriptors of others. eddy waits for them; what is there stays their owner's to take.
#include <eddy/eddy.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;

/// As a library of C may have it: it works somewhere, and a descriptor says when to ask again.
class oracle {
 public:
  oracle() = default;
  oracle(const oracle&) = delete;
  oracle& operator=(const oracle&) = delete;
  ~oracle() {
    if (working_.joinable()) working_.join();
    ::close(told_);
  }

  void ask() {
    working_ = std::thread([this] {
      answer_ = 42;
      ::eventfd_write(told_, 1);
    });
  }
  int descriptor() const { return told_; }
  /// Never waits.
  int answer() {
    eventfd_t count = 0;
    return ::eventfd_read(told_, &count) == 0 ? answer_.load() : 0;
  }

 private:
  int told_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::atomic<int> answer_ = 0;
  std::thread working_;
};

static eddy::task<> ask() {
  oracle o;
  o.ask();
  co_await eddy::ok(eddy::readable(o.descriptor()));
  std::printf("the answer is %d\n", o.answer());

  const auto more = co_await eddy::with_timeout(10ms, eddy::readable(o.descriptor()));
  std::printf("%s\n", more ? "there is another one" : "there is no other one");
}

int main() {
  eddy::run(ask());
}
