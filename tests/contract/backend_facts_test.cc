// What the kernel does at the ends and borders of streams, datagrams, pipes and names, down to which
// call gets which error: the same on every backend, the simulated machine among them.
#include "tests/contract/backend_under_test.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <tuple>
#include <vector>

#include <fcntl.h>
#include <sys/un.h>

namespace eddy::test {
namespace {

class facts : public every_backend {
 protected:
  int send(int s, std::string_view text) {
    return b().finish(ask_for(verb::send, s, text.data(), text.size()));
  }
  int write(int s, std::size_t n) {
    const std::vector<char> bytes(n, 'w');
    return b().kernel->ask(ask_for(verb::write, s, bytes.data(), n));
  }
  int shut(int s, int how) {
    request r = ask_for(verb::shutdown, s);
    r.options = static_cast<std::uint32_t>(how);
    return b().kernel->ask(r);
  }
  int number_option(int s, int level, int name, int value) {
    request r = ask_for(verb::set_option, s, &value, sizeof value);
    r.options = static_cast<std::uint32_t>(level);
    r.second = name;
    return b().kernel->ask(r);
  }
  void reset_at_close(int s) {
    const linger hard{1, 0};
    request r = ask_for(verb::set_option, s, &hard, sizeof hard);
    r.options = SOL_SOCKET;
    r.second = SO_LINGER;
    ASSERT_EQ(b().kernel->ask(r), 0);
  }
  int connect(int s, const sockaddr_in& to) {
    return b().finish(ask_for(verb::connect, s, &to, sizeof to));
  }
  int bind(int s, const sockaddr_in& at) {
    return b().kernel->ask(ask_for(verb::bind, s, &at, sizeof at));
  }
  static sockaddr_in loopback(std::uint16_t port = 0) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = port;
    return a;
  }
  int rename(const std::string& from, const std::string& to) {
    request r = ask_for(verb::rename, -1, from.c_str());
    r.offset = number(to.c_str());
    return b().finish(r);
  }
  int make_directory(const std::string& name) {
    return b().finish(ask_for(verb::make_directory, -1, name.c_str(), 0700));
  }
};
INSTANTIATE_TEST_SUITE_P(Contract, facts, all_backends(), backend_name);

// ---- Streams

TEST_P(facts, AWriteToAClosedConnectionSucceedsOnce) {
  auto [near, far] = b().connection();
  b().close(far);
  EXPECT_EQ(b().hear(near), "");
  EXPECT_EQ(send(near, "x"), 1);
  EXPECT_EQ(send(near, "y"), -EPIPE);
  EXPECT_EQ(send(near, "y"), -EPIPE);
  EXPECT_EQ(b().hear(near), "");
  b().close(near);
}

TEST_P(facts, AResetComesBehindTheBytesAndIsToldOnce) {
  for (const bool by_linger : {false, true}) {
    auto [near, far] = b().connection();
    b().say(far, "last words");
    if (by_linger) {
      reset_at_close(far);
    } else {
      b().say(near, "unread");
    }
    b().close(far);
    EXPECT_EQ(b().hear(near, 4), "last");
    EXPECT_EQ(b().hear(near), " words");
    EXPECT_EQ(b().hear(near), std::to_string(-ECONNRESET));
    EXPECT_EQ(b().hear(near), "");
    EXPECT_EQ(send(near, "x"), -EPIPE);
    EXPECT_EQ(shut(near, SHUT_WR), -ENOTCONN);
    b().close(near);
  }
}

TEST_P(facts, AWriteThatComesFirstIsToldOfTheReset) {
  auto [near, far] = b().connection();
  b().say(far, "words");
  reset_at_close(far);
  b().close(far);
  EXPECT_EQ(send(near, "x"), -ECONNRESET);
  EXPECT_EQ(send(near, "x"), -EPIPE);
  EXPECT_EQ(b().hear(near), "words");
  EXPECT_EQ(b().hear(near), "");
  b().close(near);
}

TEST_P(facts, AShutDownSideIsOver) {
  auto [near, far] = b().connection();
  EXPECT_EQ(shut(near, SHUT_RD), 0);
  EXPECT_EQ(b().hear(near), "");
  b().say(far, "late");
  EXPECT_EQ(b().hear(near), "late");
  EXPECT_EQ(b().hear(near), "");
  b().close(near);
  b().close(far);
  std::tie(near, far) = b().connection();
  EXPECT_EQ(shut(near, SHUT_WR), 0);
  EXPECT_EQ(send(near, "x"), -EPIPE);
  b().say(far, "still");
  EXPECT_EQ(b().hear(near), "still");
  EXPECT_EQ(b().hear(far), "");
  b().close(near);
  b().close(far);
}

TEST_P(facts, WhoHasShutBothSidesIsResetByWhatComes) {
  auto [near, far] = b().connection();
  EXPECT_EQ(shut(near, SHUT_RDWR), 0);
  EXPECT_EQ(b().hear(far), "");
  EXPECT_EQ(send(far, "late"), 4);
  EXPECT_EQ(b().hear(near), std::to_string(-ECONNRESET));
  EXPECT_EQ(b().hear(near), "");
  EXPECT_EQ(send(far, "x"), -EPIPE);
  EXPECT_EQ(b().hear(far), "");
  b().close(near);
  b().close(far);
}

TEST_P(facts, WhatWasNeverConnectedSaysSo) {
  const int s = b().socket(), local = b().socket(AF_UNIX);
  EXPECT_EQ(b().hear(s), std::to_string(-ENOTCONN));
  EXPECT_EQ(send(s, "x"), -EPIPE);
  EXPECT_EQ(b().hear(local), std::to_string(-EINVAL));
  EXPECT_EQ(send(local, "x"), -ENOTCONN);
  EXPECT_EQ(shut(s, SHUT_RDWR), -ENOTCONN);
  EXPECT_EQ(b().kernel->ask(ask_for(verb::listen, local, nullptr, 5)), -EINVAL);
  EXPECT_EQ(b().finish(b().accept_from(s)), -EINVAL);
  b().close(s);
  b().close(local);
}

TEST_P(facts, AcceptHandsOverWhatIsOverAlready) {
  auto [server, address] = b().listener();
  const int closed = b().socket(), reset = b().socket();
  EXPECT_EQ(connect(closed, address), 0);
  b().say(closed, "bye");
  b().close(closed);
  EXPECT_EQ(connect(reset, address), 0);
  reset_at_close(reset);
  b().close(reset);
  const int first = b().finish(b().accept_from(server));
  EXPECT_EQ(b().hear(first), "bye");
  EXPECT_EQ(b().hear(first), "");
  const int second = b().finish(b().accept_from(server));
  EXPECT_EQ(b().hear(second), std::to_string(-ECONNRESET));
  for (const int s : {first, second, server}) b().close(s);
}

TEST_P(facts, AListenerThatClosesResetsWhomNobodyHasAccepted) {
  auto [server, address] = b().listener();
  const int client = b().socket();
  EXPECT_EQ(connect(client, address), 0);
  b().close(server);
  EXPECT_EQ(b().hear(client), std::to_string(-ECONNRESET));
  b().close(client);
}

TEST_P(facts, ABacklogHoldsOneMoreThanItSays) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, b().path("socket").c_str(), sizeof address.sun_path - 1);
  const int server = b().socket(AF_UNIX);
  ASSERT_EQ(b().kernel->ask(ask_for(verb::bind, server, &address, sizeof address)), 0);
  ASSERT_EQ(b().kernel->ask(ask_for(verb::listen, server, nullptr, 1)), 0);
  std::vector<int> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(b().socket(AF_UNIX));
    EXPECT_EQ(b().finish(ask_for(verb::connect, clients.back(), &address, sizeof address)), 0);
  }
  clients.push_back(b().socket(AF_UNIX));
  test_operation waits(ask_for(verb::connect, clients.back(), &address, sizeof address));
  b().begin_and_wait(waits);
  clients.push_back(b().finish(b().accept_from(server)));
  EXPECT_EQ(b().run_until(waits), 0);
  for (const int s : clients) b().close(s);
  b().close(server);
  // The name is left over.
  const int other = b().socket(AF_UNIX);
  EXPECT_EQ(b().kernel->ask(ask_for(verb::bind, other, &address, sizeof address)), -EADDRINUSE);
  EXPECT_EQ(b().finish(ask_for(verb::connect, other, &address, sizeof address)), -ECONNREFUSED);
  EXPECT_EQ(b().finish(b().remove_path(address.sun_path)), 0);
  EXPECT_EQ(b().finish(ask_for(verb::connect, other, &address, sizeof address)), -ENOENT);
  b().close(other);
}

// ---- Ports

TEST_P(facts, APortIsTakenAsLongAsSomebodyMindsThat) {
  auto [server, address] = b().listener();
  const int other = b().socket();
  ASSERT_EQ(number_option(other, SOL_SOCKET, SO_REUSEADDR, 1), 0);
  EXPECT_EQ(bind(other, address), -EADDRINUSE) << "it listens";
  const int client = b().socket();
  ASSERT_EQ(connect(client, address), 0);
  const int accepted = b().finish(b().accept_from(server));
  b().close(server);
  b().close(accepted);  // who ends first keeps the port for a while
  EXPECT_EQ(b().hear(client), "");
  b().close(client);
  EXPECT_EQ(bind(other, address), -EADDRINUSE) << "those before did not say that they do not mind";
  sockaddr_in foreign = loopback();
  foreign.sin_addr.s_addr = htonl(0xc6336401);  // 198.51.100.1
  EXPECT_EQ(bind(other, foreign), -EADDRNOTAVAIL);
  EXPECT_EQ(bind(other, loopback()), 0);
  EXPECT_EQ(bind(other, loopback()), -EINVAL);
  b().close(other);
}

// ---- Datagrams

TEST_P(facts, AClosedPortIsToldOnceToWhoIsConnected) {
  const int target = b().socket(AF_INET, SOCK_DGRAM);
  ASSERT_EQ(bind(target, loopback()), 0);
  const sockaddr_in address = b().local_name(target);
  b().close(target);
  const int s = b().socket(AF_INET, SOCK_DGRAM);
  EXPECT_EQ(send(s, "x"), -EDESTADDRREQ);
  EXPECT_EQ(connect(s, address), 0);
  EXPECT_EQ(send(s, "x"), 1);
  EXPECT_EQ(b().hear(s), std::to_string(-ECONNREFUSED));
  EXPECT_EQ(send(s, "x"), 1);
  EXPECT_EQ(send(s, "x"), -ECONNREFUSED);
  b().close(s);
}

TEST_P(facts, ADatagramIsWholeOrTooLong) {
  const int target = b().socket(AF_INET, SOCK_DGRAM), s = b().socket(AF_INET, SOCK_DGRAM);
  ASSERT_EQ(bind(target, loopback()), 0);
  ASSERT_EQ(connect(s, b().local_name(target)), 0);
  const std::string most(65507, 'd');
  EXPECT_EQ(send(s, most), 65507);
  EXPECT_EQ(send(s, most + "d"), -EMSGSIZE);
  EXPECT_EQ(send(s, ""), 0);
  EXPECT_EQ(b().hear(target, 10), "dddddddddd") << "the rest is cut off";
  EXPECT_EQ(b().hear(target, 10), "");
  b().close(target);
  b().close(s);
}

// ---- Pipes

TEST_P(facts, APipeHasSixteenPages) {
  auto [out, in] = b().pipe();
  std::size_t held = 0;
  while (write(in, 1000) == 1000) held += 1000;
  EXPECT_EQ(held, 64000u);
  EXPECT_EQ(write(in, 1000), -EAGAIN) << "whole or not at all";
  EXPECT_EQ(write(in, 96), 96) << "behind the last bytes there is room";
  std::vector<char> all(1 << 20);
  EXPECT_EQ(b().finish(ask_for(verb::read, out, all.data(), all.size())), 64096);
  EXPECT_EQ(write(in, 100000), 65536);
  EXPECT_EQ(b().finish(ask_for(verb::read, out, all.data(), 4095)), 4095);
  EXPECT_EQ(write(in, 1), -EAGAIN);
  EXPECT_EQ(b().finish(ask_for(verb::read, out, all.data(), 1)), 1);
  EXPECT_EQ(write(in, 4096), 4096);
  b().close(out);
  EXPECT_EQ(b().finish(ask_for(verb::write, in, "x", 1)), -EPIPE);
  b().close(in);
}

// ---- Files and names

TEST_P(facts, NamesAreRefusedAsTheSystemRefusesThem) {
  const std::string one = b().path("one"), two = b().path("two"), file = b().path("file");
  ASSERT_EQ(make_directory(one), 0);
  ASSERT_EQ(make_directory(two), 0);
  const int f = b().finish(b().open_file(file, O_RDWR | O_CREAT));
  ASSERT_GE(f, 0);
  EXPECT_EQ(rename(one, one + "/inside"), -EINVAL);
  EXPECT_EQ(rename(file, one), -EISDIR);
  EXPECT_EQ(rename(one, file), -ENOTDIR);
  EXPECT_EQ(rename(one, one), 0);
  EXPECT_EQ(make_directory(two + "/sub"), 0);
  EXPECT_EQ(rename(one, two), -ENOTEMPTY);
  EXPECT_EQ(rename(two + "/sub", one), 0);
  EXPECT_EQ(rename(b().path("none"), file), -ENOENT);
  EXPECT_EQ(rename(file, file + "/below"), -ENOTDIR);
  EXPECT_EQ(make_directory(file), -EEXIST);
  EXPECT_EQ(make_directory(b().path("none") + "/below"), -ENOENT);
  EXPECT_EQ(make_directory(file + "/below"), -ENOTDIR);
  EXPECT_EQ(b().finish(b().remove_path(file, AT_REMOVEDIR)), -ENOTDIR);
  EXPECT_EQ(b().finish(b().open_file(one, O_WRONLY)), -EISDIR);
  EXPECT_EQ(b().finish(b().open_file(one, O_RDWR | O_CREAT)), -EISDIR);
  EXPECT_EQ(b().finish(b().open_file(file, O_RDONLY | O_DIRECTORY)), -ENOTDIR);
  EXPECT_EQ(b().finish(b().open_file(file + "/", O_RDONLY)), -ENOTDIR);
  EXPECT_EQ(b().finish(b().open_file("", O_RDONLY)), -ENOENT);
  EXPECT_EQ(b().finish(b().open_file(b().path(std::string(256, 'n')), O_RDONLY | O_CREAT)),
            -ENAMETOOLONG);
  b().close(f);
  EXPECT_EQ(b().finish(b().remove_path(file)), 0);
  EXPECT_EQ(b().finish(b().remove_path(one, AT_REMOVEDIR)), 0);
  EXPECT_EQ(b().finish(b().remove_path(two, AT_REMOVEDIR)), 0);
}

TEST_P(facts, AFileGrowsByZeros) {
  const std::string name = b().path("file");
  const int file = b().finish(b().open_file(name, O_RDWR | O_CREAT));
  ASSERT_GE(file, 0);
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::write, file, "end", 3), 10'000)), 3);
  std::string text(20'000, 'x');
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, file, text.data(), text.size()), 0)), 10'003);
  EXPECT_EQ(text.substr(0, 10'003), std::string(10'000, '\0') + "end");
  request r = ask_for(verb::truncate, file);
  r.offset = 10'001;
  EXPECT_EQ(b().finish(r), 0);
  r.offset = 10'003;
  EXPECT_EQ(b().finish(r), 0);
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, file, text.data(), 10), 10'000)), 3);
  EXPECT_EQ(text.substr(0, 3), std::string("e\0\0", 3)) << "what was cut off does not come back";
  const int reader = b().finish(b().open_file(name, O_RDONLY));
  r = ask_for(verb::truncate, reader);
  r.offset = 1;
  EXPECT_EQ(b().finish(r), -EINVAL);
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::write, reader, "x", 1), 0)), -EBADF);
  EXPECT_EQ(b().finish(ask_for(verb::sync, reader)), 0);
  // What is removed lives on with who has it open.
  EXPECT_EQ(b().finish(b().remove_path(name)), 0);
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, reader, text.data(), 1), 0)), 1);
  const int folder = b().finish(b().open_file("/tmp", O_RDONLY | O_DIRECTORY));
  ASSERT_GE(folder, 0);
  EXPECT_EQ(b().finish(ask_for(verb::sync, folder)), 0);
  for (const int d : {file, reader, folder}) b().close(d);
}

}  // namespace
}  // namespace eddy::test
