package ui

import (
	"strconv"
	"time"
)

// Bytes says a size in three digits: 412M, 2.1G.
func Bytes(n int64) string {
	if n < 0 {
		return Unknown
	}
	v, unit := float64(n), 0
	for v >= 999.5 && unit < 5 {
		v /= 1024
		unit++
	}
	return three(v, unit) + [...]string{"B", "K", "M", "G", "T", "P"}[unit]
}

func three(v float64, unit int) string {
	if unit > 0 && v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// MB says megabytes in three digits.
func MB(n int) string { return Bytes(int64(n) << 20) }

// Rate says bytes per second.
func Rate(perSecond float64) string { return Bytes(int64(perSecond)) + "/s" }

// Percent says a share (0..1).
func Percent(share float64) string { return itoa(int(share*100+0.5)) + "%" }

// Span says a duration in one unit: 4s, 12m, 3h, 12d.
func Span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return itoa(int(d/time.Second)) + "s"
	case d < time.Hour:
		return itoa(int(d/time.Minute)) + "m"
	case d < 48*time.Hour:
		return itoa(int(d/time.Hour)) + "h"
	}
	return itoa(int(d/(24*time.Hour))) + "d"
}

// Took says how long something took, more exactly: 0.2s, 48s, 2m14s, 1h05m.
func Took(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 9950*time.Millisecond:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d < time.Minute:
		return itoa(int(d.Seconds())) + "s"
	case d < time.Hour:
		return itoa(int(d.Minutes())) + "m" + pad2(int(d.Seconds())%60) + "s"
	}
	return itoa(int(d.Hours())) + "h" + pad2(int(d.Minutes())%60) + "m"
}

func pad2(n int) string {
	if n < 10 {
		return "0" + itoa(n)
	}
	return itoa(n)
}

// When says a moment: relative under two days, a date after that.
func When(now, t time.Time, in *time.Location) string {
	if t.IsZero() {
		return Unknown
	}
	switch d := now.Sub(t); {
	case d < -time.Second && d > -48*time.Hour:
		return "in " + Span(-d)
	case d < 5*time.Second && d >= -time.Second:
		return "now"
	case d >= 0 && d < 48*time.Hour:
		return Span(d) + " ago"
	}
	t = t.In(in)
	if t.Year() == now.In(in).Year() {
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006")
}

// Count says n things: "1 app", "3 apps".
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return itoa(n) + " " + thing + "s"
}
