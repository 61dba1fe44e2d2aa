// Row 11 in libuv: uv_fs_read, which runs on its pool.
#include <uv.h>

#include <memory>

#include "bench/file_read.h"

namespace {

struct one_read {
  uv_fs_t request;
  char* buffer = nullptr;
  std::uint64_t offset = 0;
  struct state* of = nullptr;
};
struct state {
  int descriptor = -1;
  std::size_t size = 0;
  long left = 0;
  bench::random_numbers random;
};

void begin(one_read& r) {
  state& s = *r.of;
  if (s.left == 0) return;
  --s.left;
  r.offset = bench::some_offset(s.random, s.size);
  r.request.data = &r;
  const uv_buf_t part = uv_buf_init(r.buffer, static_cast<unsigned>(s.size));
  uv_fs_read(uv_default_loop(), &r.request, s.descriptor, &part, 1,
             static_cast<std::int64_t>(r.offset), [](uv_fs_t* request) {
               one_read& ended = *static_cast<one_read*>(request->data);
               bench::check_read(ended.buffer, request->result, ended.of->size, ended.offset);
               uv_fs_req_cleanup(request);
               begin(ended);
             });
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  const bench::cached_file file;
  state all;
  all.descriptor = file.descriptor();
  for (const auto& row : bench::file_rows) {
    if (!rows.wants(row.name)) continue;
    const auto depth = static_cast<std::size_t>(row.depth);
    const bench::page_buffers memory(row.depth, row.size);
    const auto reads = std::make_unique<one_read[]>(depth);
    all.size = row.size;
    rows.measure(row.name, row.operations / 4, [&](long n) {
      all.left = n;
      for (std::size_t i = 0; i < depth; ++i) {
        reads[i].buffer = memory[i];
        reads[i].of = &all;
        begin(reads[i]);
      }
      uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    });
  }
}
