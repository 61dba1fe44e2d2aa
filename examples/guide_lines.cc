// Guide, 18: what is there already does not suspend: who takes much of it lets others in.
#include <eddy/eddy.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

struct member {
  explicit member(std::string n) : name(std::move(n)) {}
  std::string name;
  eddy::channel<std::string> outbox{8};
  int heard = 0;
  int missed = 0;
};

static eddy::task<> hear(member& m) {
  for (;;) {
    const auto line = co_await m.outbox.receive();
    if (!line) co_return;
    ++m.heard;
  }
}

/// Tells every line to everybody; who does not keep up misses some, and holds up nobody.
static eddy::task<> tell(eddy::buffered_reader<eddy::pipe_reader>& lines,
                         std::vector<std::unique_ptr<member>>& members, bool yields) {
  for (;;) {
    const auto line = co_await lines.read_line();
    if (!line) break;
    for (auto& m : members) {
      std::string copy = *line;
      if (!m->outbox.try_send(std::move(copy))) ++m->missed;
    }
    if (yields) co_await eddy::next_tick();  // those who hear are ready: they come first
  }
  for (auto& m : members) m->outbox.close();
}

static eddy::task<> meet(bool yields) {
  auto [reader, writer] = eddy::make_pipe().value();
  std::string text;
  for (int i = 0; i < 100; ++i) text += "line\n";
  co_await eddy::ok(eddy::write_all(writer, text));  // all of it is there before anybody reads
  co_await eddy::ok(writer.close());

  std::vector<std::unique_ptr<member>> members;
  members.push_back(std::make_unique<member>("Ada"));
  members.push_back(std::make_unique<member>("Grace"));
  eddy::buffered_reader lines(reader);
  co_await eddy::with_task_group([&](eddy::task_group& group) -> eddy::task<> {
    for (auto& m : members) group.spawn(hear, std::ref(*m));
    co_await tell(lines, members, yields);
  });
  for (const auto& m : members)
    std::printf("%s heard %d and missed %d\n", m->name.c_str(), m->heard, m->missed);
}

int main() {
  eddy::run(meet(false));  // nobody hears before the last line was told: 91 are missed
  eddy::run(meet(true));   // none
}
