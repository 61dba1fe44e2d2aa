// Pipes.
#include "simulation/world/pipe.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "simulation/world/machine.h"
#include "simulation/world/passing.h"

namespace eddy::detail::simulated {
namespace {

constexpr std::size_t most_pages = 16;
constexpr std::uint32_t page_size = 4096;

}  // namespace

pipe_end::pipe_end(machine& home, std::shared_ptr<pipe_pages> pages, bool writes)
    : object(home), pages_(std::move(pages)), writes_(writes) {
  mode = S_IFIFO;
  flags = (writes ? O_WRONLY : O_RDONLY) | O_NONBLOCK;
  (writes ? pages_->writer : pages_->reader) = this;
}

int pipe_end::read(const request&, msghdr& m) {
  if (writes_) return -EBADF;
  const std::size_t room = size_of(m);
  std::size_t n = std::min(room, pages_->bytes.size());
  if (!n) return !room || !pages_->writer ? 0 : -EAGAIN;
  n -= home().in().draw(home(), label::stream_short_read, n);
  std::size_t done = 0;
  for (std::size_t i = 0; done < n; ++i) {
    const std::size_t part = std::min(m.msg_iov[i].iov_len, n - done);
    std::memcpy(m.msg_iov[i].iov_base, pages_->bytes.begin() + done, part);
    done += part;
  }
  pages_->bytes.drop(n);
  for (std::size_t left = n; left;) {
    auto& first = pages_->pages.front();
    const auto part =
        static_cast<std::uint32_t>(std::min<std::size_t>(left, first.end - first.begin));
    first.begin += part;
    left -= part;
    if (first.begin == first.end) pages_->pages.drop();
  }
  if (pages_->writer) pages_->writer->wake(side::writing);
  return static_cast<int>(n);
}

/// What fits behind the last page's bytes goes there, the rest into pages of its own; up to a page
/// all of it or nothing.
int pipe_end::write(const request&, const msghdr& m) {
  if (!writes_) return -EBADF;
  if (!pages_->reader) return -EPIPE;
  const std::size_t size = size_of(m);
  if (!size) return 0;
  auto& pages = pages_->pages;
  const std::size_t odd = size % page_size;
  std::size_t behind = 0;
  if (odd && !pages.empty() && (pages.end() - 1)->end + odd <= page_size) behind = odd;
  const std::size_t rest = std::min(size - behind, (most_pages - pages.size()) * page_size);
  const std::size_t n = behind + rest;
  if (!n || (size <= page_size && n < size)) return -EAGAIN;
  if (behind) (pages.end() - 1)->end += static_cast<std::uint32_t>(behind);
  for (std::size_t left = rest; left;) {
    const auto part = static_cast<std::uint32_t>(std::min<std::size_t>(left, page_size));
    pages.push({0, part});
    left -= part;
  }
  std::size_t done = 0;
  for (std::size_t i = 0; done < n; ++i) {
    const std::size_t part = std::min(m.msg_iov[i].iov_len, n - done);
    pages_->bytes.append(static_cast<const char*>(m.msg_iov[i].iov_base), part);
    done += part;
  }
  pages_->reader->wake(side::reading);
  return static_cast<int>(n);
}

std::uint32_t pipe_end::events() const {
  if (writes_)
    return (pages_->pages.size() < most_pages ? POLLOUT : 0) | (pages_->reader ? 0 : POLLERR);
  return (pages_->bytes.empty() ? 0 : POLLIN) | (pages_->writer ? 0 : POLLHUP);
}

int pipe_end::examine(const request& r) {
  return object::examine(r) | examined::pipe;
}

void pipe_end::end() {
  (writes_ ? pages_->writer : pages_->reader) = nullptr;
  if (pipe_end* const other = writes_ ? pages_->reader : pages_->writer) other->wake_all();
}

int machine::make_pipe(const request& r) {
  if (open_descriptors() + 2 > most_descriptors) return -EMFILE;
  auto pages = std::make_shared<pipe_pages>();
  int* const both = reinterpret_cast<int*>(static_cast<std::uintptr_t>(r.address));  // NOLINT
  both[0] = add(std::make_shared<pipe_end>(*this, pages, false));
  both[1] = add(std::make_shared<pipe_end>(*this, pages, true));
  return 0;
}

}  // namespace eddy::detail::simulated
