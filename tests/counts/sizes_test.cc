// Sizes that every program pays for, once for each operation or task.
#include <gtest/gtest.h>

#include <eddy/eddy.h>

#include <eddy/coro/detail/operation_wait.h>

namespace eddy {
namespace {

TEST(sizes, AnOperationsRecordIsAtMost128Bytes) {
  EXPECT_LE(sizeof(operation), 128u);
}

TEST(sizes, AnAwaitOfAStreamTakes104BytesOfItsFrame) {
  EXPECT_LE(sizeof(detail::transfer), 96u);
  EXPECT_LE(sizeof(detail::awaiter_for<detail::io_awaiter<std::size_t>>), sizeof(void*));
}

TEST(sizes, APromiseWithoutItsResultIsAtMost64Bytes) {
  EXPECT_LE(sizeof(detail::task_promise), 64u);
  // A result of one word (or an exception) adds no more than itself.
  EXPECT_LE(sizeof(task<>::promise_type), 64u + sizeof(std::exception_ptr));
  EXPECT_LE(sizeof(task<long>::promise_type), 64u + sizeof(std::exception_ptr));
}

TEST(sizes, ATimerIsAtMost64Bytes) {
  EXPECT_LE(sizeof(detail::timer), 64u);
}

TEST(sizes, AStreamIsAtMost24Bytes) {
  EXPECT_LE(sizeof(tcp_stream), 24u);
  EXPECT_LE(sizeof(unix_stream), 24u);
  EXPECT_LE(sizeof(pipe_reader), 24u);
}

TEST(sizes, AResultOfAWordIsThreeWords) {
  EXPECT_LE(sizeof(result<std::size_t>), 3 * sizeof(void*));
}

}  // namespace
}  // namespace eddy
