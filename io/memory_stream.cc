// Streams in memory (memory_stream.h).
#include <eddy/io/memory_stream.h>

#include <algorithm>
#include <cstring>
#include <system_error>

#include <eddy/coro/shield.h>
#include <eddy/coro/yield.h>
#include <eddy/io/detail/one_at_a_time.h>
#include <eddy/runtime/detail/abort.h>

namespace eddy {
namespace detail {

// ---- One way

std::size_t memory_way::put(const_buffer data) noexcept {
  const std::size_t moved = std::min(data.size(), capacity - count);
  if (!moved) return 0;
  const std::size_t at = first + count < capacity ? first + count : first + count - capacity;
  const std::size_t before_the_edge = std::min(moved, capacity - at);
  std::memcpy(ring + at, data.data(), before_the_edge);
  if (moved > before_the_edge)
    std::memcpy(ring, data.data() + before_the_edge, moved - before_the_edge);
  count += moved;
  return moved;
}

std::size_t memory_way::get(mutable_buffer buffer) noexcept {
  const std::size_t moved = std::min(buffer.size(), count);
  if (!moved) return 0;
  const std::size_t before_the_edge = std::min(moved, capacity - first);
  std::memcpy(buffer.data(), ring + first, before_the_edge);
  if (moved > before_the_edge)
    std::memcpy(buffer.data() + before_the_edge, ring, moved - before_the_edge);
  first = before_the_edge < moved     ? moved - before_the_edge
          : first + moved == capacity ? 0
                                      : first + moved;
  count -= moved;
  return moved;
}

// ---- A wait

std::size_t memory_wait::size() const noexcept {
  if (!many_) return one_.size();
  std::size_t all = 0;
  for (std::size_t i = 0; i < count_; ++i) all += part(i).size();
  return all;
}

mutable_buffer memory_wait::part(std::size_t i) const noexcept {
  if (!many_) return one_;
  return reads_ ? static_cast<const mutable_buffer*>(many_)[i]
                : unconst(static_cast<const const_buffer*>(many_)[i]);
}

bool memory_wait::can_go_on() const noexcept {
  if (!way_ || closed_ || refused_) return true;
  if (reads_) {
    return way_->reader_closed || way_->reset || way_->count || way_->ended || !size();
  }
  return way_->writer_closed || way_->reset || way_->ended || way_->unread ||
         way_->count < way_->capacity || !size();
}

result<std::size_t> memory_wait::perform() noexcept {
  if (claimed_) slot() = nullptr;
  claimed_ = false;
  if (closed_) return std::errc::operation_canceled;
  if (!way_ || (reads_ ? way_->reader_closed : way_->writer_closed))
    return std::errc::bad_file_descriptor;
  if (refused_) return std::errc::invalid_argument;
  if (!size()) {
    if (reads_) return std::errc::invalid_argument;
    return std::size_t{0};
  }
  if (way_->reset) return std::errc::connection_reset;
  if (!reads_ && (way_->ended || way_->unread)) return std::errc::broken_pipe;
  std::size_t moved = 0;
  for (std::size_t i = 0; i < (many_ ? count_ : 1); ++i) {
    const mutable_buffer p = part(i);
    const std::size_t n = reads_ ? way_->get(p) : way_->put(p);
    moved += n;
    if (n < p.size()) break;
  }
  memory_wait* const other = reads_ ? way_->writer : way_->reader;
  if (moved && other) other->wake();
  return moved;
}

bool memory_wait::await_ready() noexcept {
  check_movable();
  begun_ = true;
  return can_go_on() && !(way_ && slot()) && may_take();
}

void memory_wait::begin() noexcept {
  if (way_) {
    if (memory_wait* const waiting = slot()) {
      misuse_by_two(reads_ ? "a second read of a memory_stream while one waits"
                           : "a second write of a memory_stream while one waits",
                    place(), waiting->place());
    }
    slot() = this;
    claimed_ = true;
  }
  waits_ = true;
  if (can_go_on()) wake();  // the budget is spent: it queues
}

void memory_wait::wake() noexcept {
  if (!waits_) return;
  waits_ = false;
  make_ready(*this);
}

void memory_wait::close() noexcept {
  closed_ = true;
  wake();
}

void memory_wait::cancel(work& w, ask_list&) noexcept {
  auto& self = static_cast<memory_wait&>(w);
  if (self.waits_) {
    self.waits_ = false;
    make_stopped(self);
  } else {
    stop_ready(self);
  }
}

void memory_wait::awaited_already() noexcept {
  misuse("an operation is awaited a second time, or moved while it is awaited");
}

}  // namespace detail

// ---- The ends

std::pair<memory_stream, memory_stream> duplex(std::size_t capacity) {
  if (!capacity) detail::misuse("a duplex has room for one byte at least");
  auto ways = std::make_unique<detail::memory_ways>();
  ways->bytes = std::make_unique_for_overwrite<std::byte[]>(2 * capacity);
  for (unsigned i = 0; i < 2; ++i) {
    ways->way[i].ring = ways->bytes.get() + i * capacity;
    ways->way[i].capacity = capacity;
  }
  detail::memory_ways* const both = ways.release();
  return std::pair(memory_stream(both, 0), memory_stream(both, 1));
}

memory_stream::memory_stream(memory_stream&& other) noexcept
    : ways_(other.ways_), side_(other.side_) {
  other.check_idle("a memory_stream is moved while a call on it waits");
  other.ways_ = nullptr;
}

memory_stream& memory_stream::operator=(memory_stream&& other) noexcept {
  if (this == &other) return *this;
  other.check_idle("a memory_stream is moved while a call on it waits");
  drop();
  ways_ = std::exchange(other.ways_, nullptr);
  side_ = other.side_;
  return *this;
}

memory_stream::~memory_stream() {
  drop();
}

void memory_stream::check_idle(const char* sentence) const noexcept {
  if (ways_ && (in()->reader || out()->writer)) detail::misuse(sentence);
}

/// (What waits at our own end is woken first: it goes on before those at the other.)
void memory_stream::end(bool reset) noexcept {
  detail::memory_way& from = *in();
  detail::memory_way& to = *out();
  from.reader_closed = to.writer_closed = true;
  from.unread = to.ended = true;
  from.count = 0;
  if (reset) {
    to.count = 0;
    from.reset = to.reset = true;
  }
  if (from.reader) from.reader->close();
  if (to.writer) to.writer->close();
  if (to.reader) to.reader->wake();
  if (from.writer) from.writer->wake();
}

void memory_stream::drop() noexcept {
  if (!ways_) return;
  check_idle("a memory_stream is destroyed while a call on it waits");
  if (!closed()) end(false);
  if (!--ways_->ends) delete ways_;
  ways_ = nullptr;
}

result<std::size_t> memory_stream::try_read(mutable_buffer buffer,
                                            std::source_location where) noexcept {
  if (ways_ && in()->reader) {
    detail::misuse_by_two("try_read() of a memory_stream beside a read that waits", where,
                          in()->reader->place());
  }
  detail::memory_wait now(in(), buffer);
  if (!now.can_go_on()) return std::errc::resource_unavailable_try_again;
  return now.perform();
}

result<std::size_t> memory_stream::try_write(const_buffer data,
                                             std::source_location where) noexcept {
  if (ways_ && out()->writer) {
    detail::misuse_by_two("try_write() of a memory_stream beside a write that waits", where,
                          out()->writer->place());
  }
  detail::memory_wait now(out(), data);
  if (!now.can_go_on()) return std::errc::resource_unavailable_try_again;
  return now.perform();
}

result<void> memory_stream::shutdown_write() noexcept {
  if (closed()) return std::errc::bad_file_descriptor;
  out()->ended = true;
  if (out()->writer) out()->writer->wake();
  if (out()->reader) out()->reader->wake();
  return {};
}

task<result<void>> memory_stream::close() {
  co_await detail::hop_awaitable<detail::hop::at_hand>();
  if (closed()) co_return std::errc::bad_file_descriptor;
  end(false);
  // Those who waited at this end go on before this task: the stream may go when it does.
  co_await shield(next_tick());
  co_return result<void>();
}

void memory_stream::abort() noexcept {
  if (!closed()) end(true);
}

}  // namespace eddy
