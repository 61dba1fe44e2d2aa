// The limits of row 11: pread in a loop (so many buffers in turn as reads would be on their way),
// and the ring.
#include <memory>

#include "bench/file_read.h"
#include "bench/limit/ring.h"

namespace {

struct one_read {
  std::uint64_t offset = 0;
  char* buffer = nullptr;
};

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments, {"pread", "ring"});
  const bench::cached_file file;
  bench::random_numbers random;
  for (const auto& row : bench::file_rows) {
    if (!rows.wants(row.name)) continue;
    const auto depth = static_cast<std::size_t>(row.depth);
    const bench::page_buffers memory(row.depth, row.size);
    const auto reads = std::make_unique<one_read[]>(depth);
    for (std::size_t i = 0; i < depth; ++i) reads[i].buffer = memory[i];
    limit::ring ring;
    rows.measure(row.name, row.operations, [&](long n) {
      if (rows.variant() == "pread") {
        for (long i = 0; i < n; ++i) {
          one_read& r = reads[static_cast<std::size_t>(i) % depth];
          r.offset = bench::some_offset(random, row.size);
          const long got =
              pread(file.descriptor(), r.buffer, row.size, static_cast<off_t>(r.offset));
          bench::check_read(r.buffer, got, row.size, r.offset);
        }
        return;
      }
      const auto begin = [&](one_read& r) {
        r.offset = bench::some_offset(random, row.size);
        io_uring_prep_read(ring.entry(&r), file.descriptor(), r.buffer,
                           static_cast<unsigned>(row.size), r.offset);
      };
      long to_begin = n;
      for (std::size_t i = 0; i < depth && to_begin; ++i, --to_begin) begin(reads[i]);
      for (long left = n; left;) {
        ring.enter(true);
        ring.reap([&](void* data, std::uint64_t, const io_uring_cqe& c) {
          one_read& r = *static_cast<one_read*>(data);
          bench::check_read(r.buffer, c.res, row.size, r.offset);
          --left;
          if (to_begin) {
            --to_begin;
            begin(r);
          }
        });
      }
    });
  }
}
