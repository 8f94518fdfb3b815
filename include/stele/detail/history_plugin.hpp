// history_plugin.hpp - the border between a build of somebody's rules in a shared object and the tool that folds with
// it: plain C, so that two builds with types of the same names never meet. Only for stele/history.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "stele/detail/aggregate_kind.hpp"

extern "C" {

// Raised when anything below changes; a tool refuses what it does not know.
inline constexpr std::uint32_t stele_history_version = 1;

struct stele_history_event {
  const char* stream;
  std::size_t stream_size;
  const char* type;
  std::size_t type_size;
  const char* data;
  std::size_t data_size;
  const char* metadata;
  std::size_t metadata_size;
  std::uint64_t revision;
  std::uint64_t position;
  std::int64_t recorded_at;  // microseconds since 1970
};

// Texts that functions give stay valid until the next call for the same fold.
struct stele_history_plugin {
  std::uint32_t version;
  const char* (*category)(std::size_t index);  // null behind the last one
  void* (*begin)(std::size_t index);
  void* (*clone)(void* fold);  // null: it cannot be copied
  void (*end)(void* fold);
  const char* (*take)(void* fold, const stele_history_event* event);  // null, or what is wrong
  const char* (*state)(void* fold);                                   // JSON; null: it has no JSON form
};

}  // extern "C"

namespace stele::detail {

// A fold on the plug-in's side, with the last text it gave.
struct PluginFold {
  std::unique_ptr<HistoryFold> fold;
  std::string text;
};

inline PluginFold* plugin_fold(void* fold) { return static_cast<PluginFold*>(fold); }

inline const char* plugin_take(void* fold, const stele_history_event* event) {
  EventView view;
  view.stream = {event->stream, event->stream_size};
  view.type = {event->type, event->type_size};
  view.data = {event->data, event->data_size};
  view.metadata = {event->metadata, event->metadata_size};
  view.content_type = json_content;
  view.revision = Revision(event->revision);
  view.position = Position(event->position);
  view.recorded_at = Timestamp(std::chrono::microseconds(event->recorded_at));
  const auto taken = plugin_fold(fold)->fold->take(view);
  if (taken) return nullptr;
  plugin_fold(fold)->text = taken.error().message();
  return plugin_fold(fold)->text.c_str();
}

inline const char* plugin_state(void* fold) {
  auto state = plugin_fold(fold)->fold->state();
  if (!state) return nullptr;
  plugin_fold(fold)->text = *std::move(state);
  return plugin_fold(fold)->text.c_str();
}

inline void* plugin_clone(void* fold) {
  auto copy = plugin_fold(fold)->fold->clone();
  return copy ? new PluginFold{std::move(copy), {}} : nullptr;  // NOLINT: owned across a C border, see end
}

template <decider... D>
const stele_history_plugin* plugin_of() {
  static const std::vector<AggregateKind> kinds{aggregate_kind<D>()...};
  static const stele_history_plugin plugin{
      stele_history_version,
      [](std::size_t index) { return index < kinds.size() ? kinds[index].category.c_str() : nullptr; },
      [](std::size_t index) -> void* { return new PluginFold{kinds[index].begin(), {}}; },  // NOLINT: see end
      plugin_clone,
      [](void* fold) { delete plugin_fold(fold); },  // NOLINT: what begin and clone gave
      plugin_take,
      plugin_state};
  return &plugin;
}

}  // namespace stele::detail
