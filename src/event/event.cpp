// event.cpp - the rules of names, events and queries; the same for every store.
#include "stele/event.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace stele {
namespace {

Error invalid(std::string message) { return {errc::invalid, std::move(message)}; }

Error over_limit(std::string_view what, std::size_t size, std::size_t limit) {
  return Error(errc::too_large, std::string(what) + " has " + std::to_string(size) + " bytes, the limit is " +
                                    std::to_string(limit))
      .with("size", size)
      .with("limit", limit);
}

// A text of 1 to `limit` bytes of clean UTF-8; `what` names it in the message.
result<void> check_text(std::string_view what, std::string_view text, std::size_t limit) {
  if (text.empty()) return invalid(std::string(what) + " is empty");
  if (text.size() > limit) return over_limit(what, text.size(), limit);
  if (!base::is_clean_utf8(text))
    return invalid(std::string(what) + " is not UTF-8 without control characters");
  return {};
}

result<void> check_tags(const std::vector<std::string>& tags) {
  if (tags.size() > Limits::tags_per_event) {
    return Error(errc::too_large, "an event has " + std::to_string(tags.size()) + " tags, the limit is " +
                                      std::to_string(Limits::tags_per_event))
        .with("limit", Limits::tags_per_event);
  }
  for (auto tag = tags.begin(); tag != tags.end(); ++tag) {
    STELE_CHECK(check_text("a tag", *tag, Limits::tag_bytes));
    if (std::find(tags.begin(), tag, *tag) != tag) return invalid("the tag '" + *tag + "' is given twice");
  }
  return {};
}

bool holds(const std::vector<std::string>& any_of, std::string_view value) {
  return any_of.empty() || std::ranges::find(any_of, value) != any_of.end();
}

bool item_matches(const QueryItem& item, const EventView& event) {
  return holds(item.types, event.type) && holds(item.streams, event.stream) &&
         (item.categories.empty() || holds(item.categories, category_of(event.stream))) &&
         std::ranges::all_of(item.tags, [&](const auto& tag) { return event.tags.contains(tag); });
}

bool item_is_empty(const QueryItem& item) {
  return item.types.empty() && item.tags.empty() && item.streams.empty() && item.categories.empty();
}

}  // namespace

bool TagsView::contains(std::string_view tag) const { return std::find(begin(), end(), tag) != end(); }

RecordedEvent EventView::to_owned() const {
  RecordedEvent event{position,
                      revision,
                      recorded_at,
                      id,
                      std::string(stream),
                      std::string(type),
                      std::string(content_type),
                      std::string(data),
                      std::string(metadata),
                      {}};
  for (auto tag : tags) event.tags.emplace_back(tag);
  return event;
}

std::string_view category_of(std::string_view stream) { return stream.substr(0, stream.find('-')); }

result<void> check_stream_name(std::string_view name) {
  STELE_CHECK(check_text("the stream name", name, Limits::stream_name_bytes));
  const auto of_metadata = name.starts_with("$$") && name.size() > 2 && name[2] != '$';
  if (name.front() == '$' && !of_metadata) {
    return invalid("the stream name '" + std::string(name) + "' begins with '$', which is the store's own")
        .help("choose a name like BankAccount-42");
  }
  return {};
}

result<void> check_event(const NewEvent& event) {
  STELE_CHECK(check_text("the event type", event.type, Limits::event_type_bytes));
  STELE_CHECK(check_text("the content type", event.content_type, Limits::content_type_bytes));
  if (event.data.size() > Limits::data_bytes) {
    return over_limit("the data of an event", event.data.size(), Limits::data_bytes);
  }
  if (event.metadata.size() > Limits::metadata_bytes) {
    return over_limit("the metadata of an event", event.metadata.size(), Limits::metadata_bytes);
  }
  return check_tags(event.tags);
}

std::string to_string(const ExpectedVersion& expected) {
  switch (expected.kind()) {
    case ExpectedVersion::Kind::any:
      return "any";
    case ExpectedVersion::Kind::no_stream:
      return "no_stream";
    case ExpectedVersion::Kind::exists:
      return "exists";
    case ExpectedVersion::Kind::exact:
      break;
  }
  return std::to_string(expected.revision().value());
}

bool Query::matches(const EventView& event) const {
  return !items || std::ranges::any_of(*items, [&](const auto& item) { return item_matches(item, event); });
}

result<void> check_query(const Query& query) {
  if (!query.items) return {};
  if (query.items->empty()) {
    return invalid("the query has an empty list of items, which could mean everything or nothing")
        .help("leave the list out to mean everything");
  }
  if (std::ranges::any_of(*query.items, item_is_empty)) {
    return invalid("a query item asks for nothing").help("give it types, tags, streams or categories");
  }
  return {};
}

}  // namespace stele
