// beside.hpp - what the engine does beside its callers, done a piece at a time when the dice say so, in place of its
// threads: so that a seed decides that, too.
#pragma once

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "io/background.hpp"

namespace stele::worlds {

class Beside final : public io::Background {
 public:
  std::unique_ptr<Job> add(std::string_view, Step step) override {
    auto piece = std::make_unique<Piece>(*this, std::move(step));
    pieces_.push_back(piece.get());
    return piece;
  }
  [[nodiscard]] std::size_t size() const { return pieces_.size(); }
  // False: there was nothing to do.
  bool run(std::size_t which) { return pieces_[which]->step(); }

 private:
  struct Piece final : Job {
    Piece(Beside& of, Step does) : owner(of), step(std::move(does)) {}
    Piece(const Piece&) = delete;
    Piece& operator=(const Piece&) = delete;
    ~Piece() override { std::erase(owner.pieces_, this); }
    Beside& owner;
    Step step;
  };
  std::vector<Piece*> pieces_;
};

}  // namespace stele::worlds
