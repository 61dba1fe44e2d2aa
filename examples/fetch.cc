// Fetches many URLs at once with libcurl: fetch URL…
// libcurl owns its sockets. It says by callbacks which of them it wants to hear of, and when it wants
// to be called at the latest; eddy waits for both.
#include <curl/curl.h>

#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

using namespace std::chrono_literals;

/// Any number of transfers, over connections that are used again.
class transfers {
 public:
  struct response {
    response(CURLcode c, long s, std::string b) : code(c), status(s), body(std::move(b)) {}
    CURLcode code;
    long status;
    std::string body;
  };

  transfers() {
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, 20L);
  }
  transfers(const transfers&) = delete;
  transfers& operator=(const transfers&) = delete;
  ~transfers() {
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, nullptr);  // the group has gone
    curl_multi_cleanup(multi_);
    runtime_.clear(timer_);
  }

  /// Must outlive the group, for those who watch its sockets belong to that.
  void start(eddy::task_group& group) { group_ = &group; }

  /// Stopped, it leaves nothing behind.
  eddy::task<response> get(std::string url) {
    transfer one(*this, url);
    co_await one.ended.wait();
    long status = 0;
    curl_easy_getinfo(one.easy, CURLINFO_RESPONSE_CODE, &status);
    co_return response(one.code, status, std::move(one.body));
  }

 private:
  struct transfer {
    transfer(transfers& t, const std::string& url) : of(t) {
      curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
      curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
      curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
      curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_data);
      curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
      curl_multi_add_handle(of.multi_, easy);
    }
    transfer(const transfer&) = delete;
    transfer& operator=(const transfer&) = delete;
    ~transfer() {
      curl_multi_remove_handle(of.multi_, easy);
      curl_easy_cleanup(easy);
    }
    static std::size_t on_data(char* data, std::size_t, std::size_t size, void* self) {
      static_cast<transfer*>(self)->body.append(data, size);
      return size;
    }
    transfers& of;
    CURL* easy = curl_easy_init();
    eddy::event ended;
    CURLcode code = CURLE_OK;
    std::string body;
  };

  /// One task for each socket that libcurl wants to hear of, as it wants that now.
  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
    auto& t = *static_cast<transfers*>(self);
    const auto watching = t.watching_.find(socket);
    if (watching != t.watching_.end()) {
      // (Perhaps it is the one that has called us: then it goes no further than its next co_await.)
      watching->second.cancel();
      t.watching_.erase(watching);
    }
    if (what != CURL_POLL_REMOVE) {
      const auto wanted = (what & CURL_POLL_IN ? eddy::interest::read : eddy::interest()) |
                          (what & CURL_POLL_OUT ? eddy::interest::write : eddy::interest());
      t.watching_.emplace(socket,
                          t.group_->spawn_background(&transfers::watch, &t, socket, wanted));
    }
    return 0;
  }

  eddy::task<> watch(curl_socket_t socket, eddy::interest wanted) {
    for (;;) {
      const auto is = co_await eddy::ready(socket, wanted);
      if (!is) co_return act(socket, CURL_CSELECT_ERR);
      act(socket, (has(*is, eddy::interest::read) ? CURL_CSELECT_IN : 0) |
                      (has(*is, eddy::interest::write) ? CURL_CSELECT_OUT : 0));
    }
  }

  static int on_timer(CURLM*, long milliseconds, void* self) {
    auto& t = *static_cast<transfers*>(self);
    t.runtime_.clear(t.timer_);
    if (milliseconds >= 0) {
      t.timer_ = t.runtime_.set_timeout(std::chrono::milliseconds(milliseconds),
                                        [&t] { t.act(CURL_SOCKET_TIMEOUT, 0); });
    }
    return 0;
  }

  /// libcurl does what there is to do, and says which transfers have ended.
  void act(curl_socket_t socket, int events) {
    int count = 0;
    curl_multi_socket_action(multi_, socket, events, &count);
    while (const CURLMsg* message = curl_multi_info_read(multi_, &count)) {
      if (message->msg != CURLMSG_DONE) continue;
      transfer* one = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &one);
      one->code = message->data.result;
      one->ended.set();
    }
  }

  CURLM* multi_ = curl_multi_init();
  eddy::runtime& runtime_ = eddy::runtime::current();
  eddy::task_group* group_ = nullptr;
  eddy::timer_id timer_;
  std::map<curl_socket_t, eddy::join_handle<void>> watching_;
};

static eddy::task<> show(transfers& all, std::string url) {
  const auto r = co_await eddy::with_timeout(10s, all.get(url));
  if (!r) {
    std::printf("%s: %s\n", url.c_str(), r.error().message().c_str());
  } else if (r->code != CURLE_OK) {
    std::printf("%s: %s\n", url.c_str(), curl_easy_strerror(r->code));
  } else {
    std::printf("%s: status %ld, %zu bytes\n", url.c_str(), r->status, r->body.size());
  }
}

static eddy::task<> fetch(std::vector<std::string> urls) {
  transfers all;
  co_await eddy::with_task_group([&](eddy::task_group& group) -> eddy::task<> {
    all.start(group);
    for (const std::string& url : urls) group.spawn(show, std::ref(all), url);
    co_return;
  });
}

int main(int count, char** arguments) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  eddy::run(fetch, std::vector<std::string>(arguments + 1, arguments + count));
  curl_global_cleanup();
}
