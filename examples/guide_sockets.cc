// Guide, 25: a pipe's end that goes to somebody else, several buffers in one call, and who that was.
#include <eddy/eddy.h>

#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

/// Writes an answer to whatever it was handed.
static eddy::task<> answer(eddy::unix_stream peer) {
  std::array<char, 100> name;
  eddy::received got = co_await eddy::ok(peer.receive_descriptors(name, 1));
  auto out = eddy::pipe_writer::adopt(got.descriptors.at(0).release()).value();
  // Head, body and end go in one system call.
  co_await eddy::ok(eddy::write_all(out, "hello, ", std::string_view(name.data(), got.size), "\n"));
}

static eddy::task<> ask() {
  auto [here, there] = eddy::unix_stream::pair().value();
  std::printf(
      "the same user: %s\n",
      here.peer_credentials().value().uid == there.peer_credentials().value().uid ? "yes" : "no");
  auto answering = eddy::spawn(answer, std::move(there));
  auto [reader, writer] = eddy::make_pipe().value();
  std::array<char, 100> text;
  std::printf("nothing yet: %s\n", reader.try_read(text).error().message().c_str());
  const std::array<int, 1> passed{writer.native_handle()};
  co_await eddy::ok(here.send_descriptors("world", passed));
  co_await eddy::ok(writer.close());  // the other side has one of its own
  co_await answering;
  const std::size_t size = co_await eddy::ok(reader.read(text));
  std::fwrite(text.data(), 1, size, stdout);
}

int main() {
  eddy::run(ask());  // the same user: yes; nothing yet: …; hello, world
}
