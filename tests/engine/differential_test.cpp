// Random logs, random queries: with the index in memory, in files, in merged files, with segments plain or compressed,
// read by index, by scanning and by choice, every answer is the one that looking at every event gives.
//
// STELE_DIFFERENTIAL_LOGS sets how many logs.
#include <cstdlib>

#include "bare_log.hpp"
#include "engine/index/keeper.hpp"
#include "engine/log/open_segment.hpp"
#include "engine/log/packed_file.hpp"
#include "engine/reader/cursors.hpp"

namespace stele::test {
namespace {

using engine::Plan;

std::uint64_t logs_to_compare() {
  const char* wish = std::getenv("STELE_DIFFERENTIAL_LOGS");
  return wish ? std::strtoull(wish, nullptr, 10) : sanitized ? 40 : 400;
}

// One question and the one right answer to it.
struct Question {
  LogRead read;
  std::vector<std::uint64_t> answer;
};

// A log whose index and segments go through what a store does to them.
class Differential {
 public:
  explicit Differential(std::uint64_t seed) : dice_(seed), log_(dice_) {
    for (auto i = dice_.below(7) + 2; i > 0; --i) log_.add_segment();
    for (int i = 0; i < 4; ++i) ask();
  }

  // False: somebody answered otherwise.
  bool agrees(const char* state_of_things) {
    engine::ReadState state{log_.index, log_.segments};
    for (const auto plan : {Plan::forced_index, Plan::forced_scan, Plan::by_choice}) {
      state.plan = plan;
      for (const auto& question : questions_) {
        const auto cursor = open_log_cursor(state, question.read, log_.visibility.head());
        const auto found = positions_of(*cursor);
        EXPECT_EQ(found, question.answer) << state_of_things << ", plan " << static_cast<int>(plan);
        if (found != question.answer) return false;
      }
      if (!streams_agree(state)) return false;
    }
    return true;
  }
  // Every segment but the last as a store would compress it: the index is bound to these from now on.
  void compress() {
    for (std::uint32_t i = 0, count = log_.segments.size(); i + 1 < count; ++i) {
      const auto& open = log_.segments.at(i);
      auto header = *must(engine::log::read_header(*open.file)).header;
      header.last = Position(log_.segments.at(i + 1).first.value() - 1);
      header.events = header.last.value() - header.first.value() + 1;
      header.end = open.visible_end.load();
      const auto name = "/packed-" + std::to_string(i);
      const auto file = must(log_.disk.open(name, io::Mode::create));
      must(engine::log::pack(*open.file, header, {*file, engine::log::smallest_block}));
      packed_.emplace_back(must(engine::log::open_segment(log_.disk, name)), header);
    }
    for (auto& [file, header] : packed_) log_.segments.add(std::move(file), header, header.end);
  }
  void seal() {
    keeper_.emplace(engine::IndexFiles(log_.disk, "/index", Uuid{}), log_.index, log_.segments);
    while (must(keeper_->seal_one())) {
    }
  }
  void merge() {
    while (must(keeper_->merge_one())) {
    }
  }
  [[nodiscard]] std::size_t parts() const { return log_.index.parts()->size(); }
  Dice& dice() { return dice_; }

 private:
  void ask() {
    Question question{{.query = dice_.one_in(20) ? Query::all() : random_query(dice_), .from = {}}, {}};
    auto& read = question.read;
    if (dice_.one_in(2)) read.from = Position(dice_.below(log_.events.size() + 3));
    if (dice_.one_in(4)) read.limit = dice_.below(10);
    if (dice_.one_in(2)) read.direction = Direction::backward;
    for (std::uint64_t at = 1; at <= log_.events.size(); ++at) {
      const bool forward = read.direction == Direction::forward;
      const bool inside = !read.from || (forward ? at >= read.from->value() : at <= read.from->value());
      if (inside && log_.events[at - 1].matches(read.query)) question.answer.push_back(at);
    }
    if (read.direction == Direction::backward) std::ranges::reverse(question.answer);
    if (question.answer.size() > read.limit) question.answer.resize(read.limit);
    questions_.push_back(std::move(question));
  }
  std::vector<std::uint64_t> positions_of(Cursor& cursor) {
    std::vector<std::uint64_t> found;
    for (;;) {
      const auto events = must(cursor.next_batch(1 + dice_.below(20)));
      if (events.empty()) return found;
      for (const auto& event : events) {
        const auto& written = log_.events.at(event.position.value() - 1);
        EXPECT_TRUE(event.stream == written.stream && event.type == written.type) << event.position.value();
        found.push_back(event.position.value());
      }
    }
  }
  // One stream, from its beginning.
  bool streams_agree(const engine::ReadState& state) {
    const auto& name = log_.events[dice_.below(log_.events.size())].stream;
    std::vector<std::uint64_t> answer;
    for (std::uint64_t at = 1; at <= log_.events.size(); ++at) {
      if (log_.events[at - 1].stream == name) answer.push_back(at);
    }
    const auto cursor = must(open_stream_cursor(state, {.stream = name, .from = {}}, log_.visibility.head()));
    const auto found = positions_of(*cursor);
    EXPECT_EQ(found, answer) << name;
    return found == answer;
  }

  Dice dice_;
  BareLog log_;
  std::vector<Question> questions_;
  std::vector<std::pair<std::shared_ptr<io::File>, engine::log::SegmentHeader>> packed_;
  std::optional<engine::IndexKeeper> keeper_;
};

TEST(Differential, every_form_of_the_log_and_its_index_gives_the_same_answers) {
  std::uint64_t sealed_parts = 0;
  for (std::uint64_t seed = 0, logs = logs_to_compare(); seed < logs && !testing::Test::HasFailure();
       ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Differential one(seed);
    if (!one.agrees("in memory")) break;
    if (seed % 2 == 1) one.compress();
    one.seal();
    sealed_parts += one.parts();
    if (!one.agrees("sealed")) break;
    one.merge();
    if (!one.agrees("merged")) break;
  }
  EXPECT_GT(sealed_parts, 0u);
}

}  // namespace
}  // namespace stele::test
