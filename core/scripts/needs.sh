bad=0
for flag in $flags; do
  if ! grep -m 1 '^flags' /proc/cpuinfo | grep -qw -- "$flag"; then
    echo "the processor has no $flag"
    bad=1
  fi
done
for device in $devices; do
  if [ ! -e "$device" ]; then
    echo "the container has no $device"
    bad=1
  fi
done
for module in $modules; do
  if [ ! -e "/sys/module/$module" ]; then
    echo "warning: kernel module $module is not loaded"
  fi
done
for setting in $sysctls; do
  file=/proc/sys/$(echo "${setting%%=*}" | tr . /)
  now=$(cat "$file" 2>/dev/null || echo 0)
  if [ "$now" -lt "${setting#*=}" ] 2>/dev/null; then
    echo "warning: ${setting%%=*} is $now, $setting is wanted"
  fi
done
exit "$bad"
