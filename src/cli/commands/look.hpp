// look.hpp - what the commands that look through time share: a history opened in a directory or on a server, with
// whoever can say what the state is. Not the looking itself, which is src/history.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cli/session.hpp"
#include "cli/target/target.hpp"
#include "history/causes.hpp"
#include "history/folds.hpp"
#include "history/place.hpp"
#include "history/search.hpp"
#include "history/timeline.hpp"
#include "stele/detail/json.hpp"

namespace stele::cli {

// Events of a directory or of a server, for reading.
[[nodiscard]] result<std::unique_ptr<history::EventSource>> open_source(const Session& session);

// One aggregate.
struct Look {
  std::unique_ptr<history::EventSource> source;
  std::shared_ptr<history::Folds> folds;
  const history::Fold* fold = nullptr;  // null: the server folds
  std::unique_ptr<history::Timeline> timeline;
  StreamInfo info;
  std::string type;
  std::string id;

  // A moment as people write it, as the last event in it; nothing: before the first.
  [[nodiscard]] result<std::optional<Revision>> moment(const Session& session, std::string_view text) const;
  [[nodiscard]] result<history::RevisionRange> range(const Session& session, std::string_view text) const;
};
[[nodiscard]] result<Look> open_look(const Session& session, const LookOptions& options);

// The fold file's, or those of the applications that are built in. Errors: those of Folds::add_file.
[[nodiscard]] result<std::shared_ptr<history::Folds>> local_folds(const std::string& fold_file);
// Whether states are asked of the server: there is one, and no fold file.
[[nodiscard]] result<bool> server_folds(const Session& session, const std::string& fold_file);
// One JSON document from the server. `path` is encoded.
[[nodiscard]] result<std::string> get_from_server(const Session& session, const std::string& path);
[[nodiscard]] result<std::string> post_to_server(const Session& session, const std::string& path,
                                                 std::string body);

// A server's states, by its own fold. Errors: not_found, when it cannot say what the state is.
[[nodiscard]] result<std::unique_ptr<history::Timeline>> open_server_timeline(const Session& session,
                                                                              const StreamInfo& info,
                                                                              const LookOptions& options);

// Lines of JSON as they arrive. One that says that something went wrong on the server is an error.
class JsonLines {
 public:
  // False: that is enough.
  using Take = std::function<result<bool>(const JsonValue& line)>;
  explicit JsonLines(Take take) : take_(std::move(take)) {}

  // As a BodySink. False: it was enough, or outcome() says what is wrong.
  bool take(std::string_view bytes);
  [[nodiscard]] const result<void>& outcome() const { return outcome_; }

 private:
  result<bool> take_line();
  Take take_;
  std::string line_;
  result<void> outcome_;
};

[[nodiscard]] std::string aggregate_path(const std::string& type, const std::string& id);

// An event of a tree of causes as people read it: a line under its cause, with the time between them.
[[nodiscard]] std::string cause_line(const history::Cause& cause);

}  // namespace stele::cli
