package core

import (
	"fmt"
	"testing"
	"time"
)

func TestThrottle(t *testing.T) {
	t.Parallel()
	th := NewThrottle(2, time.Second)
	now := time.Now()
	for i, want := range []time.Duration{0, 0, time.Second, time.Second} {
		if got := th.Take("a", now); got != want {
			t.Errorf("take %d: wait %s, want %s", i, got, want)
		}
	}
	if th.Take("b", now) != 0 {
		t.Error("one key holds another up")
	}
	th.Return("a")
	if th.Take("a", now) != 0 || th.Take("a", now) == 0 {
		t.Error("what is given back cannot be taken again, once")
	}
	if th.Take("a", now.Add(time.Second)) != 0 {
		t.Error("time does not help")
	}
	for i := range maxThrottled + 100 {
		th.Take(fmt.Sprint("stranger ", i), now)
	}
	if len(th.full) > maxThrottled {
		t.Errorf("%d keys are remembered", len(th.full))
	}
}
