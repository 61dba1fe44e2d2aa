// Guide, 21: messages with their length in front, over a stream of any kind; here one in memory.
#include <eddy/eddy.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

/// Answers each request, whatever it comes through.
static eddy::task<> answer(eddy::any_stream stream) {
  eddy::buffered_reader requests(stream);
  eddy::buffered_writer answers(stream);
  for (;;) {
    const auto request = co_await eddy::read_frame(requests);
    if (request.error() == eddy::errc::closed) break;  // the end, between two messages
    const std::string text = "you said " + request.value();
    co_await eddy::ok(eddy::write_frame(answers, text));
    // As long as there are more requests, their answers are collected: one write for all of them.
    if (requests.buffered().empty()) co_await eddy::ok(answers.flush());
  }
  co_await eddy::ok(stream.close());
}

static eddy::task<> ask() {
  auto [here, there] = eddy::duplex(1024);
  auto answering = eddy::spawn(answer, eddy::any_stream(std::move(there)));
  for (const std::string_view word : {"one", "two", "three"})
    co_await eddy::ok(eddy::write_frame(here, word));
  here.shutdown_write().value();
  eddy::buffered_reader answers(here);
  for (;;) {
    const auto text = co_await eddy::read_frame(answers);
    if (!text) break;
    std::printf("%s\n", text->c_str());
  }
  co_await answering;
}

int main() {
  eddy::run(ask());  // you said one, you said two, you said three
}
