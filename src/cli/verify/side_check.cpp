// side_check.cpp - the small files beside the log: the watermark page and the keyed records.
#include <fmt/format.h>

#include <thread>

#include "cli/output/text.hpp"
#include "cli/verify/log_check.hpp"
#include "engine/log/directory.hpp"
#include "engine/records/records.hpp"
#include "io/world.hpp"

namespace stele::cli {
namespace {

namespace elog = engine::log;

// A writer may be in the middle of it, for as long as it takes to write seven words.
constexpr int page_tries = 100;

bool is_whole(const io::SharedPage& page, elog::WatermarkWords& words) {
  for (int i = 0; i < page_tries; ++i) {
    for (std::size_t word = 0; word < words.values.size(); ++word) words.values[word] = page.load(word);
    if (words.whole()) return true;
    std::this_thread::yield();
  }
  return false;
}

Finding in_file(std::string file, std::string what) {
  return {.first = {}, .last = {}, .stream = {}, .file = std::move(file), .what = std::move(what)};
}

}  // namespace

Layer check_watermark(const std::string& directory, const LogCheck& check) {
  Layer layer{
      .name = "watermark", .summary = "none: it is made at the next opening", .findings = {}, .more = 0};
  auto page = io::real_world().disk.shared_page(elog::watermark_path(directory), false);
  if (!page && page.error().kind() == errc::not_found) return layer;
  if (!page) {
    add_finding(layer, in_file("watermark", page.error().message()));
    return layer;
  }
  elog::WatermarkWords words;
  if (!is_whole(**page, words)) {
    const bool blank = words.values == elog::WatermarkWords{}.values;
    layer.summary = "nothing was ever published";
    if (!blank)
      add_finding(
          layer,
          in_file("watermark", "its words do not match their checksum; it is made anew at the next opening"));
    return layer;
  }
  if (!elog::Watermark(std::move(*page), check.store).read())
    add_finding(layer, in_file("watermark", "it belongs to another store"));
  layer.summary = fmt::format("durable up to p{}", words.values[elog::WatermarkWords::durable]);
  return layer;
}

Layer check_records_file(const std::string& directory, std::uint64_t& bytes) {
  Layer layer{.name = "records", .summary = "none were kept", .findings = {}, .more = 0};
  const auto path = std::filesystem::path(directory) / "records.db";
  const auto there = io::real_world().disk.exists(path);
  if (there && !*there) return layer;
  const auto checked = engine::check_records(path);
  if (!checked) {
    add_finding(layer, in_file("records.db", checked.error().message()));
    layer.summary = "cannot be read";
    return layer;
  }
  bytes += checked->bytes;
  for (const auto& what : checked->findings) add_finding(layer, in_file("records.db", what));
  layer.summary = fmt::format("{}, {}", counted(checked->records, "record"), byte_size(checked->bytes));
  return layer;
}

}  // namespace stele::cli
