// channel<T>: a bounded queue between tasks of one loop.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/detail/guard.h>
#include <eddy/coro/detail/root.h>
#include <eddy/coro/task.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// Elements are received in the order in which they were sent; senders and receivers are served
/// first in, first out. Capacity 0 is a rendezvous: a send ends when somebody receives. Destroying
/// it with waiters aborts; those who were served have what they came for, and do not need it any
/// more. Its loop's thread only.
template <class T>
class channel {
  static_assert(std::is_object_v<T> && std::is_nothrow_move_constructible_v<T> &&
                    std::is_nothrow_destructible_v<T>,
                "channel<T>: T must move without throwing");
  static_assert(detail::safe_element<T>,
                "g++ < 13 destroys an aggregate twice that stands as a temporary in a co_await "
                "expression (bug 99576), as "
                "in co_await c.send({1, \"x\"}): give the type a constructor");

 public:
  /// Memory for `capacity` elements is taken here; later calls allocate nothing.
  explicit channel(std::size_t capacity)
      : capacity_(capacity), slots_(capacity ? std::make_unique<slot[]>(capacity) : nullptr) {}
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  ~channel() {
    for (const auto* list : {&senders_, &receivers_}) {
      if (const detail::linked_work* w = list->front())
        detail::destroyed_under(*w, "a channel is destroyed while tasks wait for it");
    }
    while (count_) drop_first();
  }

  class send_awaitable;
  class receive_awaitable;
  /// Waits for room.
  ///
  /// Result      result<void>
  /// Errors      errc::closed: the channel is closed, and the element was not sent
  /// Cancel      stops the task; the element was not sent and is destroyed. One that was taken
  ///             already is delivered
  /// Lifetime    the channel must live until the element is taken, or the channel is closed
  send_awaitable send(T element) noexcept { return send_awaitable(*this, std::move(element)); }
  /// Waits for an element.
  ///
  /// Result      std::optional<T>: nullopt: closed, and empty
  /// Errors      none
  /// Cancel      stops the task; an element that was handed over already is delivered
  /// Lifetime    the channel must live until an element is there, or the channel is closed
  receive_awaitable receive() noexcept { return receive_awaitable(*this); }

  /// False: full or closed, and the element is untouched.
  bool try_send(T&& element) noexcept { return !closed_ && put(element); }
  std::optional<T> try_receive() noexcept {
    std::optional<T> element;
    get(element);
    return element;
  }
  /// Waiting senders get errc::closed, what is buffered can still be received, waiting receivers
  /// get nullopt. Harmless the second time.
  void close() noexcept {
    closed_ = true;
    while (detail::linked_work* w = receivers_.pop()) make_ready(*w);
    while (detail::linked_work* w = senders_.pop()) make_ready(*w);
  }
  bool closed() const noexcept { return closed_; }

  class send_awaiter : public detail::linked_work, public detail::awaiter_tag {
   public:
    send_awaiter(channel& c, T&& element) noexcept : channel_(c), element_(std::move(element)) {}
    bool await_ready() noexcept {
      if (!(channel_.closed_ || channel_.has_room()) || !detail::may_take()) return false;
      sent_ = !channel_.closed_ && channel_.put(element_);
      return true;
    }
    template <detail::our_promise P>
    void await_suspend(std::coroutine_handle<P> h,
                       std::source_location where = std::source_location::current()) noexcept {
      static constexpr detail::wait_type wait{detail::wait_work, "channel::send",
                                              &detail::cancel_unless_ready, nullptr};
      if (!detail::enter(*this, h.promise(), wait, where)) return;
      if (channel_.closed_ || channel_.has_room()) {
        sent_ = !channel_.closed_ && channel_.put(element_);
        detail::make_ready(*this);  // the budget is spent: it queues, with what it did
      } else {
        channel_.senders_.push(*this);
      }
    }
    result<void> await_resume() const noexcept {
      if (sent_) return {};
      return errc::closed;
    }

   private:
    friend channel;
    channel& channel_;
    T element_;
    bool sent_ = false;
  };

  class receive_awaiter : public detail::linked_work, public detail::awaiter_tag {
   public:
    explicit receive_awaiter(channel& c) noexcept : channel_(c) {}
    bool await_ready() noexcept {
      if (!(channel_.closed_ || channel_.has_element()) || !detail::may_take()) return false;
      channel_.get(element_);
      return true;
    }
    template <detail::our_promise P>
    void await_suspend(std::coroutine_handle<P> h,
                       std::source_location where = std::source_location::current()) noexcept {
      static constexpr detail::wait_type wait{detail::wait_work, "channel::receive",
                                              &detail::cancel_unless_ready, nullptr};
      if (!detail::enter(*this, h.promise(), wait, where)) return;
      if (channel_.closed_ || channel_.has_element()) {
        channel_.get(element_);
        detail::make_ready(*this);
      } else {
        channel_.receivers_.push(*this);
      }
    }
    std::optional<T> await_resume() noexcept { return std::move(element_); }

   private:
    friend channel;
    channel& channel_;
    std::optional<T> element_;
  };

 private:
  struct slot {
    alignas(T) unsigned char bytes[sizeof(T)];
  };

  /// Still waiting: withdrawn. Served already: its result is delivered, and the task stops at its
  /// next suspension.
  T& at(std::size_t i) noexcept { return *std::launder(reinterpret_cast<T*>(slots_[i].bytes)); }
  std::size_t wrapped(std::size_t i) const noexcept { return i >= capacity_ ? i - capacity_ : i; }
  bool has_room() const noexcept { return count_ < capacity_ || !receivers_.empty(); }
  bool has_element() const noexcept { return count_ || !senders_.empty(); }
  void add_last(T& element) noexcept {
    new (static_cast<void*>(slots_[wrapped(first_ + count_)].bytes)) T(std::move(element));
    ++count_;
  }
  void drop_first() noexcept {
    at(first_).~T();
    first_ = wrapped(first_ + 1);
    --count_;
  }

  bool put(T& element) noexcept {
    if (auto* w = receivers_.pop()) {
      static_cast<receive_awaiter*>(w)->element_.emplace(std::move(element));
      detail::make_ready(*w);
      return true;
    }
    if (count_ == capacity_) return false;
    add_last(element);
    return true;
  }
  void get(std::optional<T>& into) noexcept {
    if (count_) {
      into.emplace(std::move(at(first_)));
      drop_first();
      if (auto* w = senders_.pop()) {
        auto& sender = *static_cast<send_awaiter*>(w);
        add_last(sender.element_);
        sender.sent_ = true;
        detail::make_ready(sender);
      }
    } else if (auto* w = senders_.pop()) {
      auto& sender = *static_cast<send_awaiter*>(w);
      into.emplace(std::move(sender.element_));
      sender.sent_ = true;
      detail::make_ready(sender);
    }
  }

  std::size_t capacity_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  bool closed_ = false;
  std::unique_ptr<slot[]> slots_;
  detail::work_list<> senders_;
  detail::work_list<> receivers_;
};

template <class T>
class [[nodiscard]] channel<T>::send_awaitable {
 public:
  send_awaitable(channel& c, T&& element) noexcept : channel_(c), element_(std::move(element)) {}
  send_awaiter operator co_await() && noexcept {
    return send_awaiter(channel_, std::move(element_));
  }

 private:
  channel& channel_;
  T element_;
};

template <class T>
class [[nodiscard]] channel<T>::receive_awaitable {
 public:
  explicit receive_awaitable(channel& c) noexcept : channel_(c) {}
  receive_awaiter operator co_await() const noexcept { return receive_awaiter(channel_); }

 private:
  channel& channel_;
};

}  // namespace eddy
