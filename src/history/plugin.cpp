// plugin.cpp - folds that live in a shared object. Everything of it stays behind its C border: nothing of its C++ is
// seen here, and its symbols are its own.
#include <dlfcn.h>

#include "history/retelling.hpp"

namespace stele::history {
namespace {

// A loaded shared object, unloaded with the last fold of it.
class PluginFile {
 public:
  PluginFile(void* handle, const stele_history_plugin* plugin) : handle_(handle), plugin_(plugin) {}
  ~PluginFile() { dlclose(handle_); }
  PluginFile(const PluginFile&) = delete;
  PluginFile& operator=(const PluginFile&) = delete;
  [[nodiscard]] const stele_history_plugin& plugin() const { return *plugin_; }

 private:
  void* handle_;
  const stele_history_plugin* plugin_;
};

class PluggedFold final : public stele::detail::HistoryFold {
 public:
  PluggedFold(std::shared_ptr<const PluginFile> file, void* fold, bool whole)
      : file_(std::move(file)), fold_(fold), whole_(whole) {}
  ~PluggedFold() override { file_->plugin().end(fold_); }
  PluggedFold(const PluggedFold&) = delete;
  PluggedFold& operator=(const PluggedFold&) = delete;

  // Borrowed for the call: nothing is copied towards the plug-in.
  result<void> take(const EventView& event) override {
    const stele_history_event plain{event.stream.data(),
                                    event.stream.size(),
                                    event.type.data(),
                                    event.type.size(),
                                    event.data.data(),
                                    event.data.size(),
                                    event.metadata.data(),
                                    event.metadata.size(),
                                    event.revision.value(),
                                    event.position.value(),
                                    event.recorded_at.time_since_epoch().count()};
    const char* const wrong = file_->plugin().take(fold_, &plain);
    if (!wrong) return {};
    whole_ = false;
    return Error(errc::corrupt, wrong);
  }
  [[nodiscard]] bool whole() const override { return whole_; }
  // The text is the plug-in's until its next call, so it is copied here.
  [[nodiscard]] result<std::string> state() const override {
    const char* const text = file_->plugin().state(fold_);
    if (text) return std::string(text);
    return Error(errc::invalid, "the plug-in's state has no JSON form");
  }
  [[nodiscard]] std::unique_ptr<stele::detail::HistoryFold> clone() const override {
    void* const copy = file_->plugin().clone(fold_);
    return copy ? std::make_unique<PluggedFold>(file_, copy, whole_) : nullptr;
  }

 private:
  std::shared_ptr<const PluginFile> file_;
  void* fold_;
  bool whole_;
};

}  // namespace

result<std::vector<Fold>> load_plugin(const std::filesystem::path& file) {
  std::error_code ignored;
  const auto path = std::filesystem::absolute(file, ignored);
  if (!std::filesystem::exists(path, ignored))
    return Error(errc::not_found, "there is no shared object at " + file.string());
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) return Error(errc::invalid, std::string("the shared object cannot be loaded: ") + dlerror());
  using Entry = const stele_history_plugin* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(handle, "stele_history"));
  const auto* const plugin = entry ? entry() : nullptr;
  if (!plugin || plugin->version != stele_history_version) {
    dlclose(handle);
    return Error(errc::invalid, file.string() + " is no plug-in that this stele understands")
        .help("compile it with one STELE_HISTORY_PLUGIN(...), see docs/history.md");
  }
  const auto kept = std::make_shared<const PluginFile>(handle, plugin);
  std::vector<Fold> out;
  for (std::size_t i = 0; const char* const category = plugin->category(i); ++i) {
    out.push_back({.category = category,
                   .name = file.filename().string(),
                   .begin = [kept, i]() -> std::unique_ptr<stele::detail::HistoryFold> {
                     return std::make_unique<PluggedFold>(kept, kept->plugin().begin(i), true);
                   }});
  }
  return out;
}

}  // namespace stele::history
