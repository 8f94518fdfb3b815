// inspect.cpp - which kind of file it is, and a walk through each kind that does not stop at damage.
#include "engine/log/inspect.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/utf8.hpp"
#include "engine/index/inspect_index.hpp"
#include "engine/log/directory.hpp"
#include "engine/log/frame_layout.hpp"
#include "engine/log/inspect_lines.hpp"
#include "engine/log/open_segment.hpp"
#include "engine/log/patched_source.hpp"
#include "engine/log/recovery.hpp"
#include "engine/log/scanner.hpp"

namespace stele::engine::log {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t small_file_limit = 64u << 10;

// What people can read is shown, the rest is measured.
std::string shown(std::string_view bytes) {
  constexpr std::size_t most = 200;
  if (!base::is_utf8(bytes)) return "(" + std::to_string(bytes.size()) + " bytes)";
  if (bytes.size() <= most) return std::string(bytes);
  auto cut = most;
  while (cut > 0 && (static_cast<unsigned char>(bytes[cut]) & 0xC0) == 0x80) --cut;  // whole characters
  return std::string(bytes.substr(0, cut)) + "… (" + std::to_string(bytes.size()) + " bytes)";
}

class Inspection {
 public:
  Inspection(io::Disk& disk, const InspectOptions& options, const LineSink& out)
      : disk_(disk), options_(options), out_(out) {}

  result<InspectSummary> run(const fs::path& path) {
    STELE_TRY(const bool there, disk_.exists(path));
    if (!there) return Error(errc::not_found, path.string() + " does not exist").with("path", path.string());
    const auto names = disk_.list(path);
    STELE_CHECK(names ? directory(path, *names) : file(path));
    return summary_;
  }

 private:
  // ---- Directories

  result<void> directory(const fs::path& path, const std::vector<std::string>& names) {
    bool known = false;
    for (const auto& name : names) {
      if (!is_known(name)) continue;
      known = true;
      STELE_CHECK(file(path / name));
    }
    if (std::find(names.begin(), names.end(), "log") != names.end()) {
      known = true;
      STELE_TRY(const auto segments, disk_.list(log_path(path)));
      for (const auto& name : segments) {
        if (is_known(name)) STELE_CHECK(file(log_path(path) / name));
      }
      STELE_CHECK(whole_log(path));
    }
    if (std::find(names.begin(), names.end(), "index") != names.end()) {
      STELE_TRY(const auto indexes, disk_.list(index_path(path)));
      for (const auto& name : indexes) {
        if (is_known(name)) STELE_CHECK(file(index_path(path) / name));
      }
    }
    if (!known)
      return Error(errc::invalid, path.string() + " is not the directory of a store")
          .with("path", path.string());
    return {};
  }

  static bool is_known(std::string_view name) {
    return name == "MANIFEST" || name == "LOCK" || name == "watermark" || name.ends_with(".seg") ||
           name.ends_with(".idx");
  }

  // What recovery would say, without doing any of it.
  result<void> whole_log(const fs::path& store) {
    const auto manifest = read_manifest(disk_, store);
    if (!manifest) return {};  // told where the manifest was
    STELE_TRY(const auto files, open_log(disk_, log_path(store), false));
    const auto report = recover({manifest->store, files.inputs(), known_durable(store, manifest->store)});
    if (!report) return problem("log", 0, report.error().message());
    for (const auto& damage : report->damages) {
      ++summary_.problems;
      put(line("damage")
              .with("file", damage.segment)
              .with("begin", damage.begin)
              .with("end", damage.end)
              .with("first", damage.first.value())
              .with("last", damage.last.value())
              .with("reason", damage.reason));
    }
    if (report->torn) {
      put(line("torn_tail")
              .with("file", report->torn->segment)
              .with("begin", report->torn->begin)
              .with("end", report->torn->end));
    }
    put(line("log")
            .with("last", report->last.value())
            .with("events", report->events)
            .with("frames", report->frames)
            .with("segments", report->segments.size()));
    return {};
  }

  Position known_durable(const fs::path& store, const Uuid& id) {
    auto page = disk_.shared_page(watermark_path(store), false);
    if (!page) return {};
    const auto mark = Watermark(*std::move(page), id).read();
    return mark ? mark->durable : Position();
  }

  // ---- Files

  result<void> file(const fs::path& path) {
    const auto name = path.filename().string();
    if (!is_known(name)) {
      return Error(errc::invalid, path.string() + " is not a file of a store")
          .with("path", path.string())
          .help("known are MANIFEST, LOCK, watermark, *.seg and *.idx");
    }
    ++summary_.files;
    if (name == "watermark") return watermark(path);
    STELE_TRY(const auto opened, disk_.open(path, io::Mode::read));
    if (name == "MANIFEST") return manifest(*opened);
    if (name == "LOCK") return lock(*opened);
    if (name.ends_with(".idx")) return index(*opened);
    STELE_TRY(const auto frames, open_segment(disk_, path));
    return segment(*frames);
  }

  result<void> manifest(const io::File& file) {
    STELE_TRY(const auto text, io::read_whole(file, small_file_limit));
    const auto parsed = parse_manifest(text);
    if (!parsed) return problem(file.path().string(), 0, parsed.error().message() + ": " + shown(text));
    put(line("manifest")
            .with("file", file.path().string())
            .with("store", stele::to_string(parsed->store))
            .with("format", std::to_string(parsed->major) + '.' + std::to_string(parsed->minor))
            .with("created_at", stele::to_string(parsed->created_at)));
    return {};
  }

  result<void> lock(const io::File& file) {
    STELE_TRY(auto text, io::read_whole(file, small_file_limit));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    put(line("lock").with("file", file.path().string()).with("last_holder", shown(text)));
    return {};
  }

  result<void> watermark(const fs::path& path) {
    const auto page = disk_.shared_page(path, false);
    if (!page) return problem(path.string(), 0, page.error().message());
    WatermarkWords words;
    for (std::size_t i = 0; i < words.values.size(); ++i) words.values[i] = (*page)->load(i);
    if (words.values[WatermarkWords::magic] == 0) {
      put(line("watermark").with("file", path.string()).with("published", "never"));
      return {};
    }
    std::array<char, 16> bytes{};
    base::store_le<std::uint64_t>(bytes.data(), words.values[WatermarkWords::store]);
    base::store_le<std::uint64_t>(bytes.data() + 8, words.values[WatermarkWords::store + 1]);
    std::array<std::uint8_t, 16> id{};
    std::copy(bytes.begin(), bytes.end(), id.begin());
    put(line("watermark")
            .with("file", path.string())
            .with("store", stele::to_string(Uuid(id)))
            .with("durable", words.values[WatermarkWords::durable])
            .with("segment", words.values[WatermarkWords::segment])
            .with("offset", words.values[WatermarkWords::offset]));
    if (!words.whole())
      return problem(path.string(), 8 * WatermarkWords::check, "the words do not match their checksum");
    return {};
  }

  result<void> index(const io::File& file) {
    STELE_TRY(const auto wrong, inspect_index_file(file, options_.form, out_));
    return wrong.empty() ? result<void>{} : problem(file.path().string(), 0, wrong);
  }

  // ---- Segments

  result<void> segment(const io::File& file) {
    const auto name = file.path().string();
    std::string bytes(segment_header_bytes, '\0');
    STELE_TRY(const auto got, file.read_at(0, bytes));
    STELE_TRY(const auto size, file.size());
    const auto parsed = parse_header(std::string_view(bytes).substr(0, got));
    if (!parsed.damage.empty()) STELE_CHECK(problem(name, 0, parsed.damage));
    if (!parsed.header) return {};
    segment_header(name, *parsed.header, size);
    if (const auto refused = refuse(*parsed.header, false)) return problem(name, 12, refused->message());
    if (parse_segment_name(file.path().filename().string()) != parsed.header->first) {
      STELE_CHECK(
          problem(name, 0, "the file was renamed: its header says " + segment_name(parsed.header->first)));
    }
    const auto& header = *parsed.header;
    if (header.is_cold()) cold(header);
    std::array<char, 1> byte{};
    const auto there = file.read_at(segment_header_bytes, byte);
    if (there || there.error().kind() != errc::unavailable) return frames(file, header, size);
    put(line("away")
            .with("file", name)
            .with("archive", header.archive)
            .with("what", there.error().message()));
    return {};
  }

  // What the header says of a segment that is compressed or lies elsewhere.
  void cold(const SegmentHeader& header) {
    auto about = line(header.is_packed() ? "packed" : "archived");
    about.with("last", header.last.value()).with("events", header.events).with("end", header.end);
    if (header.is_packed())
      about.with("blocks", header.blocks).with("block_bytes", header.block_bytes).with("table", header.table);
    if (header.is_archived()) about.with("archive", header.archive);
    put(about);
  }

  void segment_header(const std::string& name, const SegmentHeader& header, std::uint64_t size) {
    put(line("segment")
            .with("file", name)
            .with("store", stele::to_string(header.store))
            .with("format", std::to_string(header.major) + '.' + std::to_string(header.minor))
            .with("first", header.first.value())
            .with("salt", header.salt)
            .with("created_at", stele::to_string(header.created_at))
            .with("capacity", header.capacity)
            .with("size", size)
            .with("compatible", header.compatible)
            .with("read_only_compatible", header.read_only_compatible)
            .with("incompatible", header.incompatible));
  }

  result<void> frames(const io::File& file, const SegmentHeader& header, std::uint64_t size) {
    const PatchedSource bytes(file);
    SegmentScanner scanner(bytes, header.salt, segment_header_bytes, size);
    for (;;) {
      STELE_TRY(const auto parsed, scanner.next());
      if (parsed.status == FrameStatus::ok) {
        frame(scanner.frame_offset(), parsed.frame);
        continue;
      }
      const auto begin = scanner.offset();
      STELE_TRY(const auto written, scanner.last_written());
      STELE_ASSERT(written >= begin && scanner.offset() == begin, "looking ahead moves nothing", begin,
                   written);
      if (written == begin) {
        put(line("end").with("offset", begin).with("zeros", size - std::min(size, begin)));
        return bytes.why().empty() ? result<void>{} : problem(file.path().string(), 0, bytes.why());
      }
      const auto reason =
          parsed.status == FrameStatus::blank ? "zeros where a frame should be" : parsed.reason;
      if (parsed.front) broken_frame(file, begin, *parsed.front);
      scanner.seek(begin + frame_alignment);
      STELE_TRY(const bool found, scanner.seek_header());
      STELE_CHECK(problem(
          file.path().string(), begin,
          std::string(reason) + "; goes on at " + (found ? std::to_string(scanner.offset()) : "nothing")));
      if (!found) return bytes.why().empty() ? result<void>{} : problem(file.path().string(), 0, bytes.why());
    }
  }

  void frame(std::uint64_t offset, const FrameView& frame) {
    ++summary_.frames;
    STELE_ASSERT(offset >= segment_header_bytes, "a frame lies behind the header", offset);
    put(line("frame")
            .with("offset", offset)
            .with("size", frame.size())
            .with("first", frame.first().value())
            .with("events", frame.events())
            .with("writes", frame.writes())
            .with("recorded_at", stele::to_string(frame.recorded_at()))
            .with("durable", frame.durable().value()));
    for (FrameEvents events(frame); events.next();) {
      ++summary_.events;
      if (options_.records) event(offset + events.offset(), events.size(), events.event());
    }
  }

  void event(std::uint64_t offset, std::uint64_t size, const EventView& event) {
    std::string tags;
    for (const auto tag : event.tags) tags += (tags.empty() ? "" : ",") + shown(tag);
    put(line("event")
            .with("offset", offset)
            .with("size", size)
            .with("position", event.position.value())
            .with("stream", shown(event.stream))
            .with("revision", event.revision.value())
            .with("id", stele::to_string(event.id))
            .with("type", shown(event.type))
            .with("content_type", shown(event.content_type))
            .with("tags", tags)
            .with("metadata", shown(event.metadata))
            .with("data", shown(event.data)));
  }

  // A frame with a good header and a bad body: the records that are whole by themselves.
  void broken_frame(const io::File& file, std::uint64_t offset, const FrameFront& front) {
    put(line("frame")
            .with("offset", offset)
            .with("size", front.total_size)
            .with("first", front.first.value())
            .with("events", front.events)
            .with("writes", front.writes)
            .with("recorded_at", stele::to_string(front.recorded_at))
            .with("durable", front.durable.value())
            .with("state", "damaged"));
    std::string bytes(front.total_size, '\0');
    const auto got = file.read_at(offset, bytes);
    if (!got) return;
    const auto whole = std::string_view(bytes).substr(0, *got);
    for (std::size_t at = layout::front_bytes(front.writes); at + record_header_bytes <= whole.size();) {
      const auto record = parse_record(whole.substr(at));
      if (!record || record->back != at) {
        ++at;  // names are not aligned, so neither are records
        continue;
      }
      put(line("record")
              .with("offset", offset + at)
              .with("size", record->size)
              .with("position", front.first.value() + record->index)
              .with("write", record->write)
              .with("id", stele::to_string(record->id))
              .with("type", shown(record->type))
              .with("metadata", shown(record->metadata))
              .with("data", shown(record->data)));
      at += record->size;
    }
  }

  // ---- Lines

  [[nodiscard]] InspectLine line(std::string_view kind) const { return {options_.form, kind}; }
  void put(InspectLine& finished) const { out_(std::move(finished).finish()); }

  result<void> problem(const std::string& file, std::uint64_t offset, const std::string& what) {
    ++summary_.problems;
    put(line("problem").with("file", file).with("offset", offset).with("what", what));
    return {};
  }

  io::Disk& disk_;
  const InspectOptions& options_;
  const LineSink& out_;
  InspectSummary summary_;
};

}  // namespace

result<InspectSummary> inspect(io::Disk& disk, const fs::path& path, const InspectOptions& options,
                               const LineSink& out) {
  return Inspection(disk, options, out).run(path);
}

}  // namespace stele::engine::log
