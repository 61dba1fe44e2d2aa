// Unix stream sockets on every backend.
#include "tests/support/io_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <system_error>

/// What happens between a bind and its listen.
static std::function<void()> before_listening;

extern "C" int listen(int socket, int backlog) noexcept {
  if (const auto happens = before_listening) happens();
  return static_cast<int>(::syscall(SYS_listen, socket, backlog));
}

namespace eddy::test {
namespace {

class UnixTest : public io_test {};
EDDY_ON_EVERY_BACKEND(UnixTest);

task<void> talk(unix_stream& near, unix_stream& far) {
  std::array<char, 10> buffer;
  const result<std::size_t> written = co_await near.write("hello");
  EXPECT_EQ(written.value_or(0u), 5u);
  const result<std::size_t> read = co_await far.read(buffer);
  EXPECT_EQ(read.value_or(0u), 5u);
  EXPECT_EQ(std::string(buffer.data(), 5), "hello");
}

TEST_P(UnixTest, APairIsConnected) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    co_await talk(near, far);
    co_await talk(far, near);
    EXPECT_TRUE(near.shutdown_write());
    std::array<char, 10> buffer;
    const result<std::size_t> end = co_await far.read(buffer);
    EXPECT_EQ(end.value_or(1u), 0u);
    EXPECT_EQ(near.peer_address().to_string(), "");
  });
}

TEST_P(UnixTest, APathConnects) {
  run(
      [](std::string at) -> task<void> {
        unix_listener listener = unix_listener::bind(at).value();
        EXPECT_EQ(listener.local_address().to_string(), at);
        auto accepting = spawn(listener.accept());
        result<unix_stream> near = co_await unix_stream::connect(at);
        result<unix_stream> far = co_await accepting;
        EXPECT_TRUE(near && far);
        EXPECT_EQ(near->peer_address().to_string(), at);
        co_await talk(*near, *far);
        EXPECT_EQ(unix_listener::bind(at).error(), std::errc::address_in_use);
        const result<void> closed = co_await listener.close();
        EXPECT_TRUE(closed);
        // the file is still there
        const result<unix_stream> late = co_await unix_stream::connect(at);
        EXPECT_EQ(late.error(), std::errc::connection_refused);
      },
      path("socket"));
}

// ---- The file of a listener ----

bool is_there(const std::string& at) {
  struct stat status{};
  return ::lstat(at.c_str(), &status) == 0;
}

unix_listen_options replacing() {
  unix_listen_options o;
  o.replace_stale = true;
  return o;
}

/// What a program leaves that was killed.
void leave_stale(const std::string& at, int type = SOCK_STREAM) {
  const int s = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  const socket_address name = socket_address::from_path(at).value();
  EXPECT_EQ(::bind(s, static_cast<const sockaddr*>(name.data()), name.size()), 0);
  EXPECT_EQ(type == SOCK_STREAM ? ::listen(s, 1) : 0, 0);
  ::close(s);
}

TEST_P(UnixTest, AStalePathIsTakenOverAndGoesWithItsListener) {
  run(
      [](std::string at) -> task<void> {
        for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
          leave_stale(at, type);
          EXPECT_EQ(unix_listener::bind(at).error(), std::errc::address_in_use);
          unix_listener listener = unix_listener::bind(at, replacing()).value();
          auto accepting = spawn(listener.accept());
          const result<unix_stream> near = co_await unix_stream::connect(at);
          EXPECT_TRUE(near);
          const result<unix_stream> far = co_await accepting;
          EXPECT_TRUE(far);
          // It is in use now
          EXPECT_EQ(unix_listener::bind(at, replacing()).error(), std::errc::address_in_use);
          const result<unix_stream> probe = co_await listener.accept();
          EXPECT_TRUE(probe);
          const result<void> closed = co_await listener.close();
          EXPECT_TRUE(closed);
          EXPECT_FALSE(is_there(at));
        }
        {
          const unix_listener one = unix_listener::bind(at, replacing()).value();
        }
        EXPECT_FALSE(is_there(at));
        unix_listener one = unix_listener::bind(at, replacing()).value();
        unix_listener two = std::move(one);
        one = unix_listener::bind(at + "2", replacing()).value();
        EXPECT_TRUE(is_there(at));
        one = std::move(two);
        EXPECT_TRUE(is_there(at) && !is_there(at + "2"));
        ::close(one.release());
        EXPECT_TRUE(is_there(at)) << "given away, it stays";
        EXPECT_FALSE(is_there(at + ".lock"));
      },
      path("socket"));
}

TEST_P(UnixTest, OnlyWhatNobodyListensAtIsTakenOver) {
  run(
      [](std::string at) -> task<void> {
        // A backlog that is full is a server's
        unix_listen_options one;
        one.backlog = 0;
        unix_listener full = unix_listener::bind(at, one).value();
        const result<unix_stream> first = co_await unix_stream::connect(at);
        EXPECT_TRUE(first);
        EXPECT_EQ(unix_listener::bind(at, replacing()).error(), std::errc::address_in_use);
        const result<unix_stream> accepted = co_await full.accept();
        EXPECT_TRUE(accepted);
        EXPECT_TRUE(co_await full.close());
        // Whatever else has that name
        const std::string file = at + ".file";
        ::close(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        EXPECT_EQ(unix_listener::bind(file, replacing()).error(), std::errc::address_in_use);
        EXPECT_TRUE(is_there(file));
        const std::string link = at + ".link";
        EXPECT_EQ(::symlink(at.c_str(), link.c_str()), 0);
        EXPECT_EQ(unix_listener::bind(link, replacing()).error(), std::errc::address_in_use);
        EXPECT_TRUE(is_there(link));
        // A datagram socket that is used
        const int s = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const socket_address name = socket_address::from_path(at + ".dgram").value();
        EXPECT_EQ(::bind(s, static_cast<const sockaddr*>(name.data()), name.size()), 0);
        EXPECT_EQ(unix_listener::bind(at + ".dgram", replacing()).error(),
                  std::errc::address_in_use);
        ::close(s);
        EXPECT_FALSE(is_there(at + ".lock"));
      },
      path("socket"));
}

TEST_P(UnixTest, ANewOnesFileStays) {
  run(
      [](std::string at) -> task<void> {
        unix_listener old = unix_listener::bind(at, replacing()).value();
        EXPECT_EQ(::unlink(at.c_str()), 0);
        const unix_listener other = unix_listener::bind(at).value();
        EXPECT_TRUE(co_await old.close());
        EXPECT_TRUE(is_there(at));
        const result<unix_stream> near = co_await unix_stream::connect(at);
        EXPECT_TRUE(near);
        // A child that ends takes nothing with it
        unix_listener ours = unix_listener::bind(at + "2", replacing()).value();
        const pid_t child = ::fork();
        if (child == 0) {
          {
            const unix_listener gone = std::move(ours);
          }
          ::_exit(0);
        }
        EXPECT_EQ(::waitpid(child, nullptr, 0), child);
        EXPECT_TRUE(is_there(at + "2"));
      },
      path("socket"));
}

TEST_P(UnixTest, OfSeveralStartersOneListens) {
  const std::string at = path("socket");
  for (int round = 0; round < 50; ++round) {
    leave_stale(at);
    int gate[2];     // all begin when the parent closes it,
    int answers[2];  // say what came of it,
    int held[2];     // and keep it until all have
    for (int* both : {gate, answers, held}) ASSERT_EQ(::pipe2(both, O_CLOEXEC), 0);
    constexpr int starters = 4;
    for (int i = 0; i < starters; ++i) {
      if (::fork() != 0) continue;
      ::close(gate[1]);
      ::close(held[1]);
      char byte = 0;
      static_cast<void>(!::read(gate[0], &byte, 1));
      auto listener = unix_listener::bind(at, replacing());
      const bool in_use = !listener && listener.error() == std::errc::address_in_use;
      byte = listener ? 'L' : in_use ? 'u' : '?';
      static_cast<void>(!::write(answers[1], &byte, 1));
      static_cast<void>(!::read(held[0], &byte, 1));
      ::_exit(0);
    }
    ::close(gate[1]);
    std::string said;
    for (int i = 0; i < starters; ++i) {
      char byte = 0;
      EXPECT_EQ(::read(answers[0], &byte, 1), 1);
      said += byte;
    }
    std::sort(said.begin(), said.end());
    EXPECT_EQ(said, "Luuu") << round;
    EXPECT_FALSE(is_there(at + ".lock"));
    for (const int d : {gate[0], answers[0], answers[1], held[0], held[1]}) ::close(d);
    for (int i = 0; i < starters; ++i) EXPECT_GT(::wait(nullptr), 0);
    ::unlink(at.c_str());
  }
}

/// Bound, and not listening yet, is not stale.
TEST_P(UnixTest, WhoTakesOverDoesNotTakeFromWhoBinds) {
  const std::string at = path("socket");
  for (const bool replaces : {false, true}) {
    std::error_code other;
    before_listening = [&] {
      before_listening = nullptr;
      other = unix_listener::bind(at, replacing()).error();
    };
    const auto listener = unix_listener::bind(at, replaces ? replacing() : unix_listen_options());
    EXPECT_TRUE(listener);
    EXPECT_EQ(other, std::errc::address_in_use);
    EXPECT_FALSE(is_there(at + ".lock"));
    ::unlink(at.c_str());
  }
}

TEST_P(UnixTest, TheFileHasThePermissionsThatWereAsked) {
  run(
      [](std::string at) -> task<void> {
        unix_listen_options o;
        o.permissions = 0620;
        const unix_listener listener = unix_listener::bind(at, o).value();
        struct stat status{};
        EXPECT_EQ(::lstat(at.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0620u);
        co_return;
      },
      path("socket"));
}

TEST_P(UnixTest, AnAbstractNameIsNoFile) {
  run([]() -> task<void> {
    const std::string name = std::string("\0eddy test ", 11) + std::to_string(::getpid());
    unix_listener listener = unix_listener::bind(name).value();
    auto accepting = spawn(listener.accept());
    result<unix_stream> near = co_await unix_stream::connect(name);
    result<unix_stream> far = co_await accepting;
    EXPECT_TRUE(near && far);
    co_await talk(*far, *near);
  });
}

TEST_P(UnixTest, BadPathsAreReported) {
  run(
      [](std::string nowhere) -> task<void> {
        const result<unix_stream> none = co_await unix_stream::connect(nowhere);
        EXPECT_EQ(none.error(), std::errc::no_such_file_or_directory);
        const result<unix_stream> empty = co_await unix_stream::connect("");
        EXPECT_EQ(empty.error(), std::errc::invalid_argument);
        const result<unix_stream> long_one = co_await unix_stream::connect(std::string(200, 'x'));
        EXPECT_EQ(long_one.error(), std::errc::filename_too_long);
        EXPECT_EQ(unix_listener::bind(nowhere + "/x").error(),
                  std::errc::no_such_file_or_directory);
        EXPECT_EQ(unix_listener::bind(std::string(200, 'x')).error(), std::errc::filename_too_long);
        EXPECT_EQ(unix_listener::bind(std::string(108, 'x')).error(), std::errc::filename_too_long);
        EXPECT_EQ(unix_listener::bind(std::string("a\0b", 3)).error(), std::errc::invalid_argument);
        const result<unix_stream> cut = co_await unix_stream::connect(std::string("a\0b", 3));
        EXPECT_EQ(cut.error(), std::errc::invalid_argument);
      },
      path("nowhere"));
}

TEST_P(UnixTest, AConnectWaitsForRoomInTheBacklog) {
  run(
      [](std::string at) -> task<void> {
        unix_listen_options one;
        one.backlog = 0;
        unix_listener listener = unix_listener::bind(at, one).value();
        std::vector<join_handle<result<unix_stream>>> connecting;
        for (int i = 0; i < 5; ++i) connecting.push_back(spawn(unix_stream::connect(at)));
        co_await after_a_poll();
        EXPECT_GT(runtime::current().pending().operations, 0u);
        std::vector<unix_stream> accepted;
        for (int i = 0; i < 5; ++i) {
          result<unix_stream> s = co_await listener.accept();
          EXPECT_TRUE(s);
          accepted.push_back(*std::move(s));
        }
        for (auto& c : connecting) {
          const result<unix_stream> s = co_await c;
          EXPECT_TRUE(s) << s.error();
        }
      },
      path("socket"));
}

TEST_P(UnixTest, AConnectThatWaitsCanBeCancelled) {
  for (const moment at : moments) {
    run(
        [at](std::string where) -> task<void> {
          listen_options one;  // (of TCP: its backlog counts)
          one.backlog = 0;
          const unix_listener listener = unix_listener::bind(where, one).value();
          const result<unix_stream> first = co_await unix_stream::connect(where);
          EXPECT_TRUE(first);
          const auto open = open_descriptors();
          const bool stopped =
              co_await stops_when_cancelled(spawn(unix_stream::connect(where)), at);
          EXPECT_TRUE(stopped);
          EXPECT_EQ(open_descriptors(), open);
          co_return;
        },
        path("socket" + std::to_string(static_cast<int>(at))));
  }
}

TEST_P(UnixTest, ReadsWritesAndAcceptsCanBeCancelled) {
  for (const moment at : moments) {
    run(
        [at](std::string where) -> task<void> {
          auto [near, far] = unix_stream::pair().value();
          std::array<char, 10> buffer;
          const bool reader = co_await stops_when_cancelled(spawn(near.read(buffer)), at);
          EXPECT_TRUE(reader);
          co_await fill(near);
          const bool writer = co_await stops_when_cancelled(spawn(near.write("x")), at);
          EXPECT_TRUE(writer);
          unix_listener listener = unix_listener::bind(where).value();
          const bool acceptor = co_await stops_when_cancelled(spawn(listener.accept()), at);
          EXPECT_TRUE(acceptor);
        },
        path("socket" + std::to_string(static_cast<int>(at))));
  }
}

TEST_P(UnixTest, AVanishedPeerGivesAnErrorAndNoSignal) {
  run([]() -> task<void> {
    auto both = unix_stream::pair().value();
    const result<void> closed = co_await both.second.close();
    EXPECT_TRUE(closed);
    const result<std::size_t> written = co_await both.first.write("x");
    EXPECT_EQ(written.error(), std::errc::broken_pipe);
  });
}

TEST_P(UnixTest, UnreadBytesMakeTheEndAReset) {
  run([]() -> task<void> {
    auto both = unix_stream::pair().value();
    const result<std::size_t> written = co_await both.first.write("never read");
    EXPECT_TRUE(written);
    const result<void> closed = co_await both.second.close();
    EXPECT_TRUE(closed);
    std::array<char, 10> buffer;
    const result<std::size_t> read = co_await both.first.read(buffer);
    EXPECT_EQ(read.error(), std::errc::connection_reset);
  });
}

}  // namespace
}  // namespace eddy::test
