// Guide, 20: an object that owns a task, as a background child of the group in which it is used.
#include <eddy/eddy.h>

#include <cstdio>
#include <map>
#include <string>
#include <system_error>
#include <utility>

/// Asks over one connection, any number of questions at a time: each has a number, and so has its
/// answer.
class client {
 public:
  explicit client(eddy::unix_stream stream) : stream_(std::move(stream)) {}
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  /// The client must outlive the group, for its reader belongs to that.
  void start(eddy::task_group& group) { group.spawn_background(&client::read_answers, this); }

  eddy::task<eddy::result<std::string>> ask(std::string question) {
    if (lost_) co_return lost_;
    eddy::deferred<eddy::result<std::string>> answer;
    const waiter place(*this, answer);
    const std::string line = std::to_string(place.number) + " " + question + "\n";
    {
      const auto turn = co_await writing_.lock();
      // Half a line would spoil the connection for all: a stop comes after it.
      co_await eddy::ok(eddy::shield(eddy::write_all(stream_, line)));
    }
    co_return co_await answer.wait();
  }

 private:
  using reply = eddy::deferred<eddy::result<std::string>>;
  /// Who waits for an answer, for as long as it does: a stop ends that, too.
  struct waiter {
    waiter(client& c, reply& r) : of(c), number(++c.last_number_) { of.waiting_[number] = &r; }
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;
    ~waiter() { of.waiting_.erase(number); }
    client& of;
    int number;
  };

  eddy::task<> read_answers() {
    eddy::buffered_reader lines(stream_);
    for (;;) {
      const auto line = co_await lines.read_line();
      if (!line) {
        lost_ = line.error();
        for (const auto& [number, answer] : waiting_) answer->set(lost_);
        co_return;
      }
      const auto at = waiting_.find(std::stoi(*line));
      if (at != waiting_.end()) at->second->set(line->substr(line->find(' ') + 1));
    }
  }

  eddy::unix_stream stream_;
  eddy::mutex writing_;
  std::map<int, reply*> waiting_;
  std::error_code lost_;
  int last_number_ = 0;
};

/// The other side: it answers two questions at a time, the second one first.
static eddy::task<eddy::result<void>> answer(eddy::unix_stream stream) {
  eddy::buffered_reader lines(stream);
  for (;;) {
    const std::string first = co_await eddy::ok(lines.read_line());
    const std::string second = co_await eddy::ok(lines.read_line());
    std::string answers = second;
    answers.append(" is the second\n").append(first).append(" is the first\n");
    co_await eddy::ok(eddy::write_all(stream, answers));
  }
}

static eddy::task<> talk() {
  auto ends = eddy::unix_stream::pair().value();
  client c(std::move(ends.first));
  co_await eddy::with_task_group([&](eddy::task_group& group) -> eddy::task<> {
    group.spawn_background(answer, std::move(ends.second));
    c.start(group);
    const auto [tea, coffee] = co_await eddy::when_all(c.ask("tea"), c.ask("coffee"));
    std::printf("%s; %s\n", tea.value().c_str(), coffee.value().c_str());
  });  // both tasks in the background are stopped, and waited for; and then c goes
}

int main() {
  eddy::run(talk());
}
