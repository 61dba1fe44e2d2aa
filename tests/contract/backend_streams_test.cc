// What every backend makes of sockets, pipes and other streams: bytes, ends, errors, and that no
// event is lost.
#include "tests/contract/backend_under_test.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include <sys/un.h>

namespace eddy::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Contract, every_backend, all_backends(), backend_name);
INSTANTIATE_TEST_SUITE_P(Contract, real_backend, real_backends(), backend_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(real_backend);

// ---- Streams

TEST_P(every_backend, ReceivesWhatTheOtherEndSends) {
  auto [near, far] = b().pair();
  char text[16] = {};
  test_operation receive(ask_for(verb::receive, near, text, sizeof text));
  test_operation send(ask_for(verb::send, far, "hello", 5));
  b().begin_and_wait(receive);
  b().begin(send);
  EXPECT_EQ(b().run_until(send), 5);
  EXPECT_EQ(b().run_until(receive), 5);
  EXPECT_STREQ(text, "hello");
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, TheEndOfAStreamIsZeroAgainAndAgain) {
  auto [near, far] = b().pair();
  char text[16];
  test_operation receive(ask_for(verb::receive, near, text, sizeof text));
  b().begin_and_wait(receive);
  b().say(far, "last");
  request shut = ask_for(verb::shutdown, far);
  shut.options = SHUT_WR;
  EXPECT_EQ(b().kernel->ask(shut), 0);
  EXPECT_EQ(b().run_until(receive), 4);
  EXPECT_EQ(b().hear(near), "");
  EXPECT_EQ(b().hear(near), "");
  EXPECT_EQ(b().close(near), 0);
  EXPECT_EQ(b().close(far), 0);
}

TEST_P(every_backend, AReceiveThatWaitsEndsWhenTheOtherEndCloses) {
  auto [near, far] = b().pair();
  char byte;
  test_operation receive(ask_for(verb::receive, near, &byte, 1));
  b().begin_and_wait(receive);
  EXPECT_EQ(b().close(far), 0);
  EXPECT_EQ(b().run_until(receive), 0);
  b().close(near);
}

TEST_P(every_backend, ASendThatWaitsGoesOnWhenTheOtherEndReads) {
  auto [near, far] = b().pair();
  std::vector<char> big(1 << 20, 'b');
  std::size_t sent = 0;
  for (int n; (n = b().kernel->ask(ask_for(verb::send, near, big.data(), big.size()))) > 0;)
    sent += static_cast<std::size_t>(n);
  test_operation send(ask_for(verb::send, near, "tail", 4));
  b().begin_and_wait(send);
  std::size_t received = 0;
  std::vector<char> in(1 << 16);
  while (received < sent) {
    int n = b().finish(ask_for(verb::receive, far, in.data(), in.size()));
    ASSERT_GT(n, 0);
    received += static_cast<std::size_t>(n);
  }
  EXPECT_EQ(b().run_until(send), 4);
  if (received == sent) {  // else the tail came with the last of it
    EXPECT_EQ(b().hear(far), "tail");
  }
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, OneReaderAndOneWriterShareADescriptor) {
  auto [near, far] = b().pair();
  std::vector<char> big(1 << 20, 'b'), in(1 << 16);
  while (b().kernel->ask(ask_for(verb::send, near, big.data(), big.size())) > 0) {
  }
  char text[8] = {};
  test_operation read(ask_for(verb::receive, near, text, sizeof text)),
      write(ask_for(verb::send, near, "w", 1));
  b().begin_and_wait(read);
  b().begin_and_wait(write);
  EXPECT_EQ(b().kernel->inside(), 2u);
  b().say(far, "r");
  EXPECT_EQ(b().run_until(read), 1);
  EXPECT_EQ(write.reports, 0);
  b().begin_and_wait(read);
  while (!write.reports)
    ASSERT_GT(b().finish(ask_for(verb::receive, far, in.data(), in.size())), 0);
  EXPECT_EQ(write.result, 1);
  EXPECT_EQ(read.reports, 0);
  b().cancel(read);
  EXPECT_EQ(b().run_until(read), -ECANCELED);
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, AcceptsAndConnects) {
  auto [client, other] = b().connection();
  b().say(client, "there");
  EXPECT_EQ(b().hear(other), "there");
  b().say(other, "back");
  EXPECT_EQ(b().hear(client), "back");
  sockaddr_in peer{};
  std::uint32_t size = sizeof peer;
  request r = ask_for(verb::peer_name, client, &peer);
  r.offset = number(&size);
  EXPECT_EQ(b().kernel->ask(r), 0);
  EXPECT_EQ(peer.sin_port, b().local_name(other).sin_port);
  EXPECT_EQ(b().close(client), 0);
  EXPECT_EQ(b().hear(other), "");
  EXPECT_EQ(b().close(other), 0);
}

TEST_P(every_backend, AcceptsSeveralThatCameTogether) {
  auto [server, address] = b().listener();
  test_operation accept(b().accept_from(server));
  b().begin_and_wait(accept);
  std::vector<int> all;
  for (int i = 0; i < 5; ++i) {
    all.push_back(b().socket());
    EXPECT_EQ(b().finish(ask_for(verb::connect, all.back(), &address, sizeof address)), 0);
  }
  for (int i = 0; i < 5; ++i) {
    if (i) b().begin(accept);
    all.push_back(b().run_until(accept));
    EXPECT_GE(all.back(), 0);
  }
  all.push_back(server);
  for (int s : all) EXPECT_EQ(b().close(s), 0);
}

TEST_P(every_backend, SendsAndReceivesMessages) {
  auto [near, far] = b().pair();
  char a[] = "ab", c[] = "cd", in1[3] = {}, in2[8] = {};
  iovec out[2] = {{a, 2}, {c, 2}}, in[2] = {{in1, 3}, {in2, 8}};
  msghdr sent{}, received{};
  sent.msg_iov = out;
  received.msg_iov = in;
  sent.msg_iovlen = received.msg_iovlen = 2;
  test_operation receive(ask_for(verb::receive_message, near, &received));
  b().begin_and_wait(receive);
  EXPECT_EQ(b().finish(ask_for(verb::send_message, far, &sent)), 4);
  EXPECT_EQ(b().run_until(receive), 4);
  EXPECT_EQ(std::string(in1, 3) + in2[0], "abcd");
  b().close(near);
  b().close(far);
}

/// Two UDP sockets, connected with each other.
std::pair<int, int> datagram_pair(backend_under_test& b) {
  int one = b.socket(AF_INET, SOCK_DGRAM), other = b.socket(AF_INET, SOCK_DGRAM);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(b.kernel->ask(ask_for(verb::bind, one, &any, sizeof any)), 0);
  EXPECT_EQ(b.kernel->ask(ask_for(verb::bind, other, &any, sizeof any)), 0);
  sockaddr_in to = b.local_name(one), from = b.local_name(other);
  EXPECT_EQ(b.kernel->ask(ask_for(verb::connect, other, &to, sizeof to)), 0);
  EXPECT_EQ(b.kernel->ask(ask_for(verb::connect, one, &from, sizeof from)), 0);
  return {one, other};
}

TEST_P(every_backend, DatagramsArriveOneByOneHoweverShort) {
  auto [one, other] = datagram_pair(b());
  char text[64];
  test_operation receive(ask_for(verb::receive, one, text, sizeof text));
  b().begin_and_wait(receive);
  for (const char* word : {"a", "bb", "ccc"}) b().say(other, word);
  EXPECT_EQ(b().run_until(receive), 1);
  EXPECT_EQ(b().hear(one), "bb");  // a short one is not the last one
  EXPECT_EQ(b().hear(one), "ccc");
  b().close(one);
  b().close(other);
}

/// Messages of one buffer each, for a batch.
template <std::size_t N>
struct messages {
  std::array<std::array<char, 8>, N> bytes{};
  std::array<iovec, N> parts{};
  std::array<mmsghdr, N> all{};

  messages() {
    for (std::size_t i = 0; i < N; ++i) {
      parts[i] = {bytes[i].data(), bytes[i].size()};
      all[i].msg_hdr.msg_iov = &parts[i];
      all[i].msg_hdr.msg_iovlen = 1;
    }
  }
  void say(std::size_t i, std::string_view text) {
    std::copy(text.begin(), text.end(), bytes[i].begin());
    parts[i].iov_len = text.size();
  }
  std::string heard(std::size_t i) const { return {bytes[i].data(), all[i].msg_len}; }
  request ask(verb what, int descriptor) const { return ask_for(what, descriptor, all.data(), N); }
};

TEST_P(every_backend, ABatchMovesWhatIsThereAndWaitsForTheFirst) {
  auto [one, other] = datagram_pair(b());
  messages<3> out;
  out.say(0, "a");
  out.say(1, "");
  out.say(2, "ccc");
  for (int round = 0; round < 3; ++round) {
    messages<8> in;
    test_operation receive(in.ask(verb::receive_messages, one));
    b().begin_and_wait(receive);
    EXPECT_EQ(b().finish(out.ask(verb::send_messages, other)), 3);
    EXPECT_EQ(b().run_until(receive), 3);
    EXPECT_EQ(in.heard(0) + "," + in.heard(1) + "," + in.heard(2), "a,,ccc");
    b().say(other, "x");
    messages<8> more;
    EXPECT_EQ(b().finish(more.ask(verb::receive_messages, one)), 1);
    EXPECT_EQ(more.heard(0), "x");
  }
  b().close(one);
  b().close(other);
}

TEST_P(every_backend, ABatchThatIsGivenUpTakesNothing) {
  auto [one, other] = datagram_pair(b());
  messages<8> in;
  test_operation receive(in.ask(verb::receive_messages, one));
  for (int round = 0; round < 3; ++round) {
    b().begin_and_wait(receive);
    b().cancel(receive);
    EXPECT_EQ(b().run_until(receive), -ECANCELED);
    b().say(other, "x");
    EXPECT_EQ(b().hear(one), "x");
  }
  EXPECT_EQ(b().close(one), 0);
  EXPECT_EQ(b().finish(in.ask(verb::receive_messages, one)), -EBADF);
  b().close(other);
}

TEST_P(real_backend, ABatchOfManyAtOnceWaitsAndGoesOn) {
  constexpr std::size_t many = 20;
  std::vector<std::pair<int, int>> pairs;
  std::array<messages<4>, many> in;
  std::deque<test_operation> receives;
  messages<2> out;
  out.say(0, "1");
  out.say(1, "2");
  for (std::size_t i = 0; i < many; ++i) {
    pairs.push_back(datagram_pair(b()));
    receives.emplace_back(in[i].ask(verb::receive_messages, pairs[i].first));
    b().begin(receives[i]);
  }
  for (int i = 0; i < 3; ++i) b().poll();
  std::deque<test_operation> sends;
  for (auto& p : pairs) b().begin(sends.emplace_back(out.ask(verb::send_messages, p.second)));
  for (std::size_t i = 0; i < many; ++i) {
    EXPECT_EQ(b().run_until(sends[i]), 2);
    EXPECT_EQ(b().run_until(receives[i]), 2);
    EXPECT_EQ(in[i].heard(1), "2");
  }
  for (auto& [one, other] : pairs) {
    b().close(one);
    b().close(other);
  }
}

TEST_P(real_backend, ABatchWaitsForRoomAndSaysHowManyWent) {
  auto [near, far] = b().pair(AF_UNIX, SOCK_DGRAM);
  messages<64> out;
  int sent = 0;
  for (int n; (n = b().kernel->ask(out.ask(verb::send_messages, near))) > 0;) sent += n;
  test_operation send(out.ask(verb::send_messages, near));
  b().begin_and_wait(send);
  messages<64> in;
  int received = 0;
  while (received < sent) {
    const int n = b().finish(in.ask(verb::receive_messages, far));
    ASSERT_GT(n, 0);
    received += n;
  }
  EXPECT_GE(b().run_until(send), 1);
  // What cannot be sent ends a batch, and is told where it is the first.
  messages<3> bad;
  bad.all[1].msg_hdr.msg_iovlen = 2000;
  EXPECT_EQ(b().finish(bad.ask(verb::send_messages, near)), 1);
  EXPECT_EQ(b().finish(ask_for(verb::send_messages, near, &bad.all[1], 2)), -EMSGSIZE);
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, PipesCarryBytesAndEnd) {
  auto [out, in] = b().pipe();
  char text[16] = {};
  test_operation read(ask_for(verb::read, out, text, sizeof text));
  b().begin_and_wait(read);
  EXPECT_EQ(b().finish(ask_for(verb::write, in, "pipe", 4)), 4);
  EXPECT_EQ(b().run_until(read), 4);
  EXPECT_STREQ(text, "pipe");
  b().begin_and_wait(read);
  EXPECT_EQ(b().close(in), 0);
  EXPECT_EQ(b().run_until(read), 0);
  EXPECT_EQ(b().close(out), 0);
}

TEST_P(every_backend, ANumberThatIsUsedAgainStartsAfresh) {
  for (int i = 0; i < 5; ++i) {
    auto [near, far] = b().pair();
    char byte;
    test_operation receive(ask_for(verb::receive, near, &byte, 1));
    b().begin_and_wait(receive);
    b().say(far, "x");
    EXPECT_EQ(b().run_until(receive), 1);
    b().begin_and_wait(receive);
    b().cancel(receive);
    EXPECT_EQ(b().run_until(receive), -ECANCELED);
    EXPECT_EQ(b().close(near), 0);
    auto [again, other] = b().pair();
    EXPECT_EQ(again, near);
    receive.ask.descriptor = again;
    b().begin_and_wait(receive);  // nothing of the one before
    b().say(other, "y");
    EXPECT_EQ(b().run_until(receive), 1);
    for (int s : {again, other, far}) EXPECT_EQ(b().close(s), 0);
  }
}

// ---- Errors are the system's

TEST_P(every_backend, GivesTheErrorsOfSockets) {
  char byte = 0;
  EXPECT_EQ(b().finish(ask_for(verb::receive, 987, &byte, 1)), -EBADF);
  EXPECT_EQ(b().finish(ask_for(verb::read, -1, &byte, 1)), -EBADF);
  EXPECT_EQ(b().kernel->ask(ask_for(verb::close, 987)), -EBADF);
  auto [near, far] = b().pair();
  b().close(far);
  EXPECT_EQ(b().finish(ask_for(verb::send, near, "x", 1)), -EPIPE);
  b().close(near);
  auto [read_end, write_end] = b().pipe();
  b().close(read_end);
  EXPECT_EQ(b().finish(ask_for(verb::write, write_end, "x", 1)), -EPIPE);
  b().close(write_end);
}

TEST_P(every_backend, ARefusedConnectSaysSo) {
  auto [server, address] = b().listener();
  b().close(server);
  int client = b().socket();
  EXPECT_EQ(b().finish(ask_for(verb::connect, client, &address, sizeof address)), -ECONNREFUSED);
  b().close(client);
}

TEST_P(every_backend, AnEndThatClosesOnUnreadBytesResetsTheOther) {
  auto [near, far] = b().pair();
  char byte;
  b().say(near, "unread");
  test_operation receive(ask_for(verb::receive, near, &byte, 1));
  b().begin_and_wait(receive);
  b().close(far);
  EXPECT_EQ(b().run_until(receive), -ECONNRESET);
  b().close(near);
}

// ---- Answered at once

TEST_P(every_backend, OptionsAreSetAndRead) {
  int s = b().socket();
  int one = 1, got = 0;
  std::uint32_t size = sizeof got;
  request r = ask_for(verb::set_option, s, &one, sizeof one);
  r.options = SOL_SOCKET;
  r.second = SO_REUSEADDR;
  EXPECT_EQ(b().kernel->ask(r), 0);
  r = ask_for(verb::get_option, s, &got);
  r.options = SOL_SOCKET;
  r.second = SO_REUSEADDR;
  r.offset = number(&size);
  EXPECT_EQ(b().kernel->ask(r), 0);
  EXPECT_EQ(got, 1);
  EXPECT_EQ(size, sizeof got);
  r.second = SO_ERROR;
  EXPECT_EQ(b().kernel->ask(r), 0);
  EXPECT_EQ(got, 0);
  b().close(s);
}

TEST_P(every_backend, EveryDescriptorItMakesNeverBlocks) {
  auto [near, far] = b().pair();
  auto [out, in] = b().pipe();
  int s = b().socket();
  char byte;
  for (int d : {near, far, out, in, s}) {
    int flags = b().kernel->ask(ask_for(verb::file_flags, d));
    EXPECT_GE(flags, 0);
    EXPECT_TRUE(flags & O_NONBLOCK);
  }
  EXPECT_EQ(b().kernel->ask(ask_for(verb::receive, near, &byte, 1)), -EAGAIN);
  EXPECT_EQ(b().kernel->ask(ask_for(verb::read, out, &byte, 1)), -EAGAIN);
  for (int d : {near, far, out, in, s}) EXPECT_EQ(b().close(d), 0);
}

TEST_P(every_backend, AnAddressInUseIsRefused) {
  auto [server, address] = b().listener();
  int other = b().socket();
  EXPECT_EQ(b().kernel->ask(ask_for(verb::bind, other, &address, sizeof address)), -EADDRINUSE);
  b().close(other);
  b().close(server);
}

TEST_P(real_backend, EveryDescriptorItMakesIsClosedByExec) {
  auto [near, far] = b().pair();
  auto [out, in] = b().pipe();
  int s = b().socket(), file = b().finish(b().open_file("/dev/null", O_RDONLY));
  for (int d : {near, far, out, in, s, file}) {
    EXPECT_TRUE(::fcntl(d, F_GETFD) & FD_CLOEXEC);
    b().close(d);
  }
}

// ---- What edge-triggered events must not lose

TEST_P(real_backend, WhatArrivesBetweenTwoReceivesIsThere) {
  auto [near, far] = b().connection();
  char text[64];
  test_operation receive(ask_for(verb::receive, near, text, sizeof text));
  for (int i = 0; i < 50; ++i) {
    b().begin(receive);
    if (i % 2) b().poll();
    b().say(far, "x");
    EXPECT_EQ(b().run_until(receive), 1);
    b().say(far, "yy");  // nobody waits
    if (i % 3) b().poll();
    b().begin(receive);
    EXPECT_EQ(b().run_until(receive), 2);
  }
  b().close(far);
  EXPECT_EQ(b().hear(near), "");
  b().close(near);
}

/// "one", and with it a descriptor: a receive stops behind it, whatever follows.
void send_with_a_descriptor(int far) {
  char one[] = "one";
  iovec part{one, 3};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr m{};
  m.msg_iov = &part;
  m.msg_iovlen = 1;
  m.msg_control = control;
  m.msg_controllen = sizeof control;
  cmsghdr* c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(c), &far, sizeof far);
  ASSERT_EQ(::sendmsg(far, &m, 0), 3);
}

TEST_P(real_backend, AMessageWithDescriptorsDoesNotHideWhatFollows) {
  auto [near, far] = b().pair();
  char text[64];
  test_operation receive(ask_for(verb::receive, near, text, sizeof text));
  b().begin_and_wait(receive);
  send_with_a_descriptor(far);
  b().say(far, "two");
  EXPECT_EQ(b().run_until(receive), 3);
  EXPECT_EQ(b().hear(near), "two");
  b().close(near);
  b().close(far);
}

TEST_P(real_backend, MessagesWithDescriptorsDoNotHideWhatFollowsOnManyAtOnce) {
  constexpr std::size_t many = 20;
  std::vector<std::pair<int, int>> pairs;
  std::vector<std::array<char, 64>> texts(many);
  std::deque<test_operation> receives;
  for (std::size_t i = 0; i < many; ++i) {
    pairs.push_back(b().pair());
    receives.emplace_back(ask_for(verb::receive, pairs[i].first, texts[i].data(), 64));
    b().begin_and_wait(receives[i]);
  }
  const auto everywhere = [&](std::size_t except) {
    for (std::size_t i = 0; i < many; ++i) {
      if (i == except) continue;
      EXPECT_EQ(b().run_until(receives[i]), 3) << i;
    }
  };
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < many; ++i) {
      send_with_a_descriptor(pairs[i].second);
      b().say(pairs[i].second, "two");
    }
    everywhere(many);
    for (test_operation& o : receives) b().begin(o);  // none of them knows whether there is more
    everywhere(many);
    for (test_operation& o : receives) b().begin_and_wait(o);
  }
  // One of them is given up, and its number is another's at once.
  for (std::size_t i = 0; i < many; ++i) {
    send_with_a_descriptor(pairs[i].second);
    b().say(pairs[i].second, "two");
  }
  everywhere(many);
  for (test_operation& o : receives) b().begin(o);
  b().poll();
  if (receives[3].reports == 0) {
    b().cancel(receives[3]);
    b().run_until(receives[3]);
  }
  b().close(pairs[3].first);
  const auto [near, far] = b().pair();
  everywhere(3);
  test_operation another(ask_for(verb::receive, near, texts[3].data(), 64));
  b().begin_and_wait(another);
  b().say(far, "new");
  EXPECT_EQ(b().run_until(another), 3);
  for (auto& [one, other] : pairs) {
    if (one != pairs[3].first) b().close(one);
    b().close(other);
  }
  b().close(near);
  b().close(far);
}

TEST_P(real_backend, UrgentDataDoesNotHideWhatFollows) {
  auto [near, far] = b().connection();
  char text[64];
  test_operation receive(ask_for(verb::receive, near, text, sizeof text));
  b().begin_and_wait(receive);
  b().say(far, "before");
  ASSERT_EQ(::send(far, "!", 1, MSG_OOB), 1);
  b().say(far, "after");
  std::string all;
  EXPECT_GT(b().run_until(receive), 0);
  all.assign(text, static_cast<std::size_t>(receive.result));
  while (all.size() < 11) all += b().hear(near);
  EXPECT_EQ(all, "beforeafter");
  b().close(near);
  b().close(far);
}

TEST_P(real_backend, ADescriptorFromElsewhereIsTakenForNewOnceItsNumberIsForgotten) {
  auto [near, far] = b().pair();
  char byte;
  test_operation receive(ask_for(verb::receive, near, &byte, 1));
  b().begin_and_wait(receive);
  b().say(far, "x");
  EXPECT_EQ(b().run_until(receive), 1);
  ::close(near);  // it was released, and its new owner closed it
  int both[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both), 0);
  ASSERT_EQ(both[0], near);
  EXPECT_EQ(b().kernel->ask(ask_for(verb::forget, near)), 0);
  b().begin_and_wait(receive);
  ASSERT_EQ(::send(both[1], "y", 1, 0), 1);
  EXPECT_EQ(b().run_until(receive), 1);
  for (int s : {both[0], both[1], far}) b().close(s);
}

TEST_P(real_backend, AUnixConnectToAFullListenerGetsThroughOnceThereIsRoom) {
  const std::string name = b().path("socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, name.c_str(), sizeof address.sun_path - 1);
  int server = b().socket(AF_UNIX);
  ASSERT_EQ(b().kernel->ask(ask_for(verb::bind, server, &address, sizeof address)), 0);
  ASSERT_EQ(b().kernel->ask(ask_for(verb::listen, server, nullptr, 0)), 0);
  int first = b().socket(AF_UNIX), second = b().socket(AF_UNIX), third = b().socket(AF_UNIX);
  ASSERT_EQ(b().finish(ask_for(verb::connect, first, &address, sizeof address)), 0);
  test_operation waits(ask_for(verb::connect, second, &address, sizeof address));
  test_operation cancelled(ask_for(verb::connect, third, &address, sizeof address));
  b().begin_and_wait(waits);
  b().begin_and_wait(cancelled);
  b().cancel(cancelled);
  EXPECT_EQ(b().run_until(cancelled), -ECANCELED);
  int one = b().finish(b().accept_from(server));
  EXPECT_GE(one, 0);
  EXPECT_EQ(b().run_until(waits), 0);
  int two = b().finish(b().accept_from(server));
  EXPECT_GE(two, 0);
  for (int s : {server, first, second, third, one, two}) b().close(s);
  ::unlink(name.c_str());
}

TEST_P(real_backend, AnInheritedDescriptorThatMayBlockIsRead) {
  int both[2];
  ASSERT_EQ(::pipe2(both, O_CLOEXEC), 0);  // like standard input: not O_NONBLOCK
  char text[8] = {};
  test_operation read(ask_for(verb::read, both[0], text, sizeof text));
  b().begin_and_wait(read);
  ASSERT_EQ(::write(both[1], "in", 2), 2);
  EXPECT_EQ(b().run_until(read), 2);
  EXPECT_STREQ(text, "in");
  b().close(both[0]);
  b().close(both[1]);
}

}  // namespace
}  // namespace eddy::test
