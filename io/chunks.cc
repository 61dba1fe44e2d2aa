// Chunks (chunks.h): who holds which, and the share of a stream.
#include <eddy/io/chunks.h>

#include <algorithm>
#include <cerrno>

#include <eddy/coro/detail/root.h>
#include <eddy/runtime/detail/abort.h>
#include <eddy/runtime/detail/loop.h>

namespace eddy {

using namespace detail;

namespace {

constexpr io_kind next_kind = make_io_kind("chunk_stream::next", io_slot::reading, true,
                                           &chunk_wait::reported, &chunk_wait::interrupt);

request receive_request() noexcept {
  request r;
  r.what = verb::receive_chunk;
  return r;
}

/// The part of all chunks that one stream may hold.
std::size_t share_of(const loop& l) noexcept {
  return std::max<std::size_t>(1, l.chunk_count() / 8);
}

}  // namespace

// ---- A chunk -----------------------------------------------------------------------------------

void chunk::join(chunk_stream* of) noexcept {
  of_ = of;
  if (!of) return;
  previous_ = nullptr;
  next_ = of->first_;
  if (next_) next_->previous_ = this;
  of->first_ = this;
}

void chunk::leave() noexcept {
  if (!of_) return;
  (previous_ ? previous_->next_ : of_->first_) = next_;
  if (next_) next_->previous_ = previous_;
  of_ = nullptr;
}

void chunk::take_from(chunk& other) noexcept {
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  home_ = std::exchange(other.home_, nullptr);
  number_ = std::exchange(other.number_, -1);
  chunk_stream* const of = other.of_;
  other.leave();
  join(of);
}

void chunk::reset() noexcept {
  data_ = nullptr;
  size_ = 0;
  loop* const home = std::exchange(home_, nullptr);
  if (!home) return;
  if (current_loop != home) home->check_thread();
  request r;
  r.what = verb::give_back;
  r.second = std::exchange(number_, -1);
  if (home->ask(r) < 0) misuse("a chunk is given back twice");
  chunk_stream* const of = of_;
  leave();
  if (of) of->one_came_back();
}

// ---- The wait ----------------------------------------------------------------------------------

chunk_wait::chunk_wait(chunk_stream& from) noexcept
    : io_wait(from.on_, next_kind, receive_request()), from_(&from) {}

void chunk_wait::begin_receive() noexcept {
  from_->waiting_ = this;
  if (from_->held_ < share_of(home())) return begin_io();
  on->claim(*this);
  paused = true;
}

void chunk_wait::room_came() noexcept {
  if (!paused) return;
  paused = false;
  begin();
}

/// Nothing has begun: the report that ends it is ours.
void chunk_wait::interrupt(io_wait& w) noexcept {
  w.paused = false;
  w.cancel_asked = true;
  w.result = -ECANCELED;
  make_ready(w);
}

void chunk_wait::reported(work* w) noexcept {
  static_cast<chunk_wait&>(of(w)).from_->waiting_ = nullptr;
  finish(w);
}

eddy::result<chunk> chunk_wait::await_resume() noexcept {
  if (result < 0) return from_errno(-result);
  chunk came;
  if (result > 0) {
    came.data_ = reinterpret_cast<const std::byte*>(static_cast<std::uintptr_t>(ask.address));
    came.size_ = static_cast<std::size_t>(result);
    came.home_ = &home();
    came.number_ = ask.second;
    came.join(from_);
    ++from_->held_;
  }
  return came;
}

// ---- The stream --------------------------------------------------------------------------------

void chunk_stream::check_idle() const noexcept {
  if (waiting_)
    destroyed_under(*waiting_, "a chunk_stream is moved or destroyed while next() is awaited");
}

chunk_stream::chunk_stream(chunk_stream&& other) noexcept : on_(other.on_) {
  other.check_idle();
  first_ = std::exchange(other.first_, nullptr);
  held_ = std::exchange(other.held_, 0);
  for (chunk* c = first_; c; c = c->next_) c->of_ = this;
}

chunk_stream::~chunk_stream() {
  check_idle();
  while (first_) first_->leave();
}

void chunk_stream::one_came_back() noexcept {
  --held_;
  if (waiting_) waiting_->room_came();
}

}  // namespace eddy
