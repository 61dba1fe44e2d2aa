// How a stream's bytes travel, and what becomes of them where the way is cut.
#include "simulation/world/flow.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "simulation/world/machine.h"
#include "simulation/world/object.h"

namespace eddy::detail::simulated {
namespace {

constexpr std::size_t send_queue = 65536;
constexpr std::size_t receive_window = 65536;
// What is lost is sent again after this, doubled each time, and given up in the end.
constexpr instant first_timeout = second / 5;
constexpr instant longest_timeout = 120 * second;
constexpr instant patience = 924 * second;

}  // namespace

// ---- The writer's

std::size_t flow::room() const noexcept {
  const std::size_t kept = bytes_.size() - arrived_;
  return kept < send_queue ? send_queue - kept : 0;
}

void flow::put(const msghdr& m, std::size_t n) {
  for (std::size_t i = 0; n; ++i) {
    const std::size_t part = std::min(n, m.msg_iov[i].iov_len);
    bytes_.append(static_cast<const char*>(m.msg_iov[i].iov_base), part);
    n -= part;
  }
  send_on();
}

void flow::attach(std::vector<std::shared_ptr<object>> passed, std::size_t n) {
  const std::uint64_t from = read_ + bytes_.size();
  attachments_.push({from, from + n, std::move(passed)});
}

void flow::end() {
  if (std::exchange(ended_, true)) return;
  send_on();
}

void flow::reset() {
  bytes_.cut(bytes_.size() - arrived_ - flying_);
  ended_ = end_sent_ = true;
  send(kind::reset, 0);
}

void flow::establish() {
  send(kind::establish, 0);
}

void flow::abandon() {
  writer = nullptr;
  bytes_.cut(bytes_.size() - arrived_ - flying_);
  ended_ = end_sent_ = true;
}

/// As much as there is room for over there.
void flow::send_on() {
  const std::size_t queued = bytes_.size() - arrived_ - flying_;
  const std::size_t taken = arrived_ + flying_;
  const std::size_t n = std::min(queued, taken < receive_window ? receive_window - taken : 0);
  if (n) send(kind::bytes, n);
  if (ended_ && !end_sent_ && n == queued) {
    end_sent_ = true;
    send(kind::end, 0);
  }
}

void flow::send(kind what, std::size_t n) {
  world& in = from_.in();
  flying_ += n;
  segment s{0, 0, static_cast<std::uint32_t>(n), what};
  s.at = in.now() + (at_once_ ? 0 : travel_time(what, n));
  s.at = s.first = last_arrival_ = std::max(s.at, last_arrival_);
  const bool goes_at_once = segments_.empty() && s.at <= in.now() &&
                            (at_once_ || (in.is_open(from_, to_) && in.is_open(to_, from_)));
  if (goes_at_once) {
    deliver(s);
    return;
  }
  segments_.push(s);
  watch();
}

/// What gets lost comes later, and a connection may break down.
instant flow::travel_time(kind what, std::size_t n) {
  world& in = from_.in();
  instant takes = in.delay(from_, to_, n);
  if (&from_ == &to_) return takes;
  const std::uint64_t lost = in.lost_times(from_, to_);
  takes += (first_timeout << lost) - first_timeout;
  if (what == kind::bytes && in.chance(from_, label::stream_reset)) {
    const std::uint64_t told = in.draw(from_, label::stream_told, 3);
    in.after<&flow::break_down>(takes, shared_from_this(), told);
  }
  return takes;
}

void flow::break_down(std::uint64_t told) {
  if (reader && told != 1) reader->is_cut(ECONNRESET);
  if (writer && told != 2) writer->is_cut(ECONNRESET);
}

// ---- On the way

void flow::watch() {
  if (looked_for_ || segments_.empty()) return;
  looked_for_ = true;
  from_.in().at<&flow::look>(segments_.front().at, shared_from_this());
}

/// The first one has arrived, or is to be sent again.
void flow::look(std::uint64_t /*unused*/) {
  looked_for_ = false;
  world& in = from_.in();
  while (!segments_.empty() && segments_.front().at <= in.now()) {
    segment& s = segments_.front();
    const bool gets_there = in.is_open(from_, to_);
    if (gets_there && !s.is_there) {
      s.is_there = true;
      deliver(s);
    }
    if (segments_.empty()) return;  // it was cut off meanwhile
    // That it has arrived must come back, too.
    if (!gets_there || !in.is_open(to_, from_)) {
      if (!try_again(segments_.front())) return;
      continue;
    }
    segments_.drop();
    if (writer && room()) writer->has_room();
  }
  watch();
}

/// False: it has been for too long.
bool flow::try_again(segment& s) {
  const instant pause =
      s.tries < 10 ? std::min(first_timeout << s.tries, longest_timeout) : longest_timeout;
  ++s.tries;
  s.at = from_.in().now() + pause;
  if (writer && s.at - s.first <= patience) return true;
  if (!writer && s.at - s.first <= patience && from_.is_on()) return true;
  segments_.clear();
  if (writer) writer->is_cut(ETIMEDOUT);
  return false;
}

void flow::deliver(const segment& s) {
  if (!reader) {  // nobody is there: the answer is a reset
    bytes_.cut(bytes_.size() - arrived_);
    flying_ = 0;
    if (writer && s.what != kind::reset) {
      const instant back = at_once_ ? 0 : from_.in().delay(to_, from_, 0);
      if (back) {
        from_.in().after<&flow::refused>(back, shared_from_this());
      } else {
        refused(0);
      }
    }
    return;
  }
  switch (s.what) {
    case kind::bytes:
      flying_ -= s.size;
      arrived_ += s.size;
      reader->has_arrived();
      break;
    case kind::end:
      end_arrived_ = true;
      reader->has_arrived();
      break;
    case kind::reset:
      reader->is_cut(ECONNRESET);
      break;
    case kind::establish:
      reader->is_established();
      break;
  }
}

void flow::refused(std::uint64_t /*unused*/) {
  if (writer) writer->is_cut(ECONNRESET);
}

// ---- The reader's

std::size_t flow::readable_together() const noexcept {
  for (const attachment& a : attachments_) {
    if (a.behind > read_) return std::min<std::size_t>(arrived_, a.behind - read_);
  }
  return arrived_;
}

void flow::stop_reading() {
  reader = nullptr;
  while (!attachments_.empty()) {
    for (const auto& passed : attachments_.front().passed) machine::let_go(*passed);
    attachments_.drop();
  }
  bytes_.drop(arrived_);
  read_ += arrived_;
  arrived_ = 0;
  send_on();
}

std::vector<std::shared_ptr<object>> flow::passed() {
  if (attachments_.empty() || attachments_.front().from >= read_) return {};
  std::vector<std::shared_ptr<object>> all = std::move(attachments_.front().passed);
  if (attachments_.front().behind <= read_) attachments_.drop();
  return all;
}

std::size_t flow::get(msghdr& m, std::size_t most, bool peek) {
  std::size_t done = 0;
  for (std::size_t i = 0; i < m.msg_iovlen && done < most; ++i) {
    const std::size_t part = std::min(m.msg_iov[i].iov_len, most - done);
    std::memcpy(m.msg_iov[i].iov_base, bytes_.begin() + done, part);
    done += part;
  }
  if (peek) return done;
  const bool was_full = !room();
  bytes_.drop(done);
  arrived_ -= done;
  read_ += done;
  send_on();
  if (was_full && writer && room()) writer->has_room();
  return done;
}

}  // namespace eddy::detail::simulated
