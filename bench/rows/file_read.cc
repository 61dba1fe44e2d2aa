// Row 11: file::read_at, by one task or 32.
#include <eddy/coro/run.h>
#include <eddy/coro/task.h>
#include <eddy/coro/task_group.h>
#include <eddy/io/file.h>

#include "bench/file_read.h"
#include "bench/rows/backend.h"

namespace {

using eddy::task;

struct work_left {
  long reads;
  std::size_t size;
  bench::random_numbers* random;
};

task<> reader(eddy::file* file, work_left* left, char* buffer) {
  while (left->reads > 0) {
    --left->reads;
    const std::uint64_t offset = bench::some_offset(*left->random, left->size);
    const auto got = co_await file->read_at(eddy::mutable_buffer(buffer, left->size), offset);
    bench::check_read(buffer, got ? static_cast<long>(*got) : -1, left->size, offset);
  }
}

task<> readers(const bench::cached_file* cached, work_left* left, const bench::page_buffers* memory,
               int depth) {
  auto file = (co_await eddy::file::open(cached->path(), eddy::open_mode::read)).value();
  auto body = [&file, left, memory, depth](eddy::task_group& group) -> task<> {
    for (int i = 0; i < depth; ++i) {
      group.spawn(reader, &file, left, (*memory)[static_cast<std::size_t>(i)]);
    }
    co_return;
  };
  co_await eddy::with_task_group(body);
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  const bench::cached_file file;
  bench::random_numbers random;
  for (const auto& row : bench::file_rows) {
    if (!rows.wants(row.name)) continue;
    const bench::page_buffers memory(row.depth, row.size);
    rows.measure(row.name, row.operations, [&](long n) {
      work_left left{n, row.size, &random};
      eddy::run(runtime, readers, &file, &left, &memory, row.depth);
    });
  }
}
