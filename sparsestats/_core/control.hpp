// What a caller may see of, and say to, a running solver: progress as a counter, and a request to stop.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>

namespace ss {

class Control {
 public:
  void stop() { stop_.store(true, std::memory_order_relaxed); }
  bool stopped() const { return stop_.load(std::memory_order_relaxed); }
  void advance() { done_.fetch_add(1, std::memory_order_relaxed); }
  long done() const { return done_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<long> done_{0};
};

// Read inside loops. `signals` asks the interpreter for Ctrl-C, at most every 50 ms; it is empty off the main thread.
class Watch {
 public:
  Watch(Control& control, std::function<bool()> signals) : control_(control), signals_(std::move(signals)) {}
  bool stopped() {
    if (control_.stopped()) return true;
    if (signals_) {
      const auto now = Clock::now();
      if (now - last_ > std::chrono::milliseconds(50)) {
        last_ = now;
        if (signals_()) control_.stop();
      }
    }
    return control_.stopped();
  }
  void advance() { control_.advance(); }

 private:
  using Clock = std::chrono::steady_clock;
  Control& control_;
  std::function<bool()> signals_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace ss
