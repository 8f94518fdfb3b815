// shelf.hpp - the `.sql` projections of one server: loaded from a folder or given over HTTP, kept up to date, asked
// about now and about the past. What is in one of them is compiled.hpp.
//
// Another version of one that is there is built beside it, from a model file of its own; the old one answers until the
// new one has seen everything that the old one has, then the new one does (versions.cpp).
//
// The texts that were given over HTTP are kept in the store's records, so they are there after a restart; and so is
// what files said when they served, because a file that was changed is another version in the same sense (folder.cpp).
// The models are files that come back from the log when they are lost.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "declared/compiled.hpp"
#include "stele/projection.hpp"
#include "stele/sqlite.hpp"

namespace stele::declared {

// Where the text of a projection comes from, and in which of two folders its model is: another model under the same
// version takes the other one.
struct Origin {
  std::string file{};  // empty: it was given over HTTP
  bool beside = false;
};

// One projection that runs. Lives as long as somebody holds it; its runner as long as the shelf.
struct Placed {
  Placed(Compiled what, std::shared_ptr<SqliteTarget> where, std::shared_ptr<SqlitePast> before,
         Origin origin)
      : compiled(std::move(what)),
        target(std::move(where)),
        past(std::move(before)),
        from(std::move(origin)) {}
  const Compiled compiled;
  const std::shared_ptr<SqliteTarget> target;
  const std::shared_ptr<SqlitePast> past;
  const Origin from;
  Runner* runner = nullptr;  // set once, before anybody finds it
};

struct ShelfOptions {
  std::filesystem::path models;                        // a folder of its own
  std::filesystem::path folder{};                      // of .sql files; empty: none
  std::vector<std::vector<std::string>> type_names{};  // as App::type_names
};

// Threading: any member from any thread.
class Shelf {
 public:
  // Checks and starts everything that was there. Errors: invalid (a text that does not compile: file, line, column),
  // conflict (a name that is there twice), not_found (the folder).
  static result<std::unique_ptr<Shelf>> open(EventStore& store, ShelfOptions options);
  ~Shelf();  // stops them all

  struct Creation {
    enum class Outcome : std::uint8_t {
      created,
      unchanged,  // the same text was there already
      updated,    // other queries over the same tables: they are asked from now on
      building,   // another version: it answers when it has caught up
    };
    std::shared_ptr<const Placed> placed;
    Outcome outcome = Outcome::created;
  };
  // Errors: those of compile(), conflict (the name is taken by a file; or the same version has other tables or rules),
  // read_only. The text that serves, given again, gives up a version that is being built.
  result<Creation> create(std::string_view text);
  // Its models go with it, of all versions. Errors: not_found, conflict (it comes from a file).
  result<void> drop(std::string_view name);

  [[nodiscard]] std::shared_ptr<const Placed> find(std::string_view name) const;  // null when unknown
  [[nodiscard]] std::vector<std::shared_ptr<const Placed>> all() const;
  // The version that is being built, null when there is none.
  [[nodiscard]] std::shared_ptr<const Placed> upcoming(std::string_view name) const;
  [[nodiscard]] Projections& projections() { return projections_; }
  // Those that appends go through. A version that takes over does so here and in find() at one moment.
  [[nodiscard]] std::vector<Runner*> have_a_say() const;

 private:
  Shelf(EventStore& store, ShelfOptions options);
  result<void> load_records();
  result<std::shared_ptr<const Placed>> place(Compiled compiled, Origin from);
  result<std::shared_ptr<Placed>> make(Compiled compiled, Origin from, Projections& among);
  [[nodiscard]] static Error taken(const Placed& placed);
  [[nodiscard]] std::filesystem::path models_of(const Origin& from) const;
  result<void> write_records();
  // Of this version, or of every one.
  void remove_files(const Placed& placed, bool all_versions) const;

  // folder.cpp
  struct ServedFile {
    std::string text;
    bool beside = false;
  };
  result<void> load_folder();
  result<void> place_file(Compiled compiled, const std::string& file,
                          const std::optional<ServedFile>& before);
  result<std::map<std::string, ServedFile, std::less<>>> served_files();
  void write_served_files();

  // versions.cpp
  // The tables and the rules, as the model's file knows them; and which events they are for.
  [[nodiscard]] static bool same_model(const Compiled& one, const Compiled& other);
  result<Creation> change(const std::shared_ptr<const Placed>& there, Compiled compiled);
  result<Creation> change_queries(const Placed& there, Compiled compiled);
  result<std::shared_ptr<const Placed>> build(Compiled compiled, Origin from);
  void give_up(std::string_view name);
  void switch_when_ready(const std::stop_token& stop);
  void switch_over(const std::string& name);
  Runner* lead_to(const std::string& name, const std::shared_ptr<const Placed>& old,
                  const std::shared_ptr<const Placed>& fresh);

  EventStore& store_;
  const ShelfOptions options_;
  std::mutex changing_;         // one creation or removal at a time; guards served_record_
  std::string served_record_;   // as it is kept
  mutable std::mutex looking_;  // of the maps, and of a switch
  std::map<std::string, std::shared_ptr<const Placed>, std::less<>> placed_;
  std::map<std::string, std::shared_ptr<const Placed>, std::less<>> upcoming_;
  Projections projections_;
  Projections building_;

  std::mutex ready_mutex_;
  std::condition_variable_any is_ready_;
  std::deque<std::string> ready_;  // names whose other version has caught up
  std::jthread switching_;         // the last: it ends first
};

// Rows, and which position they reflect.
struct Asked {
  QueryRows rows;
  Position position;
};
// Now, or as everything was up to a position.
[[nodiscard]] result<Asked> ask(const Placed& placed, const CompiledQuery& query,
                                const std::vector<std::pair<std::string, std::string>>& given,
                                std::optional<Position> as_of, std::uint64_t most_rows);

}  // namespace stele::declared
