// The limit of row 19: sendfile on a socket that blocks.
#include <sys/sendfile.h>

#include "bench/send_file.h"

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  bench::measure_send_file(rows, [](int socket, const bench::cached_file& file, long n) {
    for (long i = 0; i < n; ++i) {
      off_t offset = 0;
      while (static_cast<std::uint64_t>(offset) < bench::sent_size) {
        const auto left = bench::sent_size - static_cast<std::uint64_t>(offset);
        bench::check(sendfile(socket, file.descriptor(), &offset, left) > 0, "sendfile");
      }
    }
  });
}
