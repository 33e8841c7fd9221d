<#
.SYNOPSIS
Tries a svmsave package in a Hyper-V virtual machine of its own, and brings the results back.

.DESCRIPTION
For an AMD host with Windows 11 or Windows Server 2022 or later. Creates a generation 2 virtual
machine on a copy-on-write disk over an installed Windows, with nested virtualization exposed and
Secure Boot off; copies the package in through PowerShell Direct, runs "client.exe install" (with
test signing first), "client.exe check --json" and "client.exe selftest" in it, writes what they say to
-Result and -SelfTest, and removes the machine.

It ends with the exit code of the self-test, or that of the check if it is another than 0.

Virtualized VMSAVE can reset a host whose processor is one of AMD's Zen 4 client parts (family 19h,
models 18h to 1Fh and 60h to 7Fh; CVE-2024-53114): on such a host, nothing is done without -Yes.

Each step looks at what is there first: after a failure, run it again with the same arguments.

.PARAMETER BaseDisk
A .vhdx with Windows 10, version 2004, or later, installed for generation 2 and past its first logon
(an account with a password, no questions left to answer). It is not written to.

.PARAMETER Credential
An administrator of that Windows.

.PARAMETER Package
The folder with the package: client.exe, svmsave.inf and the rest.

.PARAMETER Name
The name of the virtual machine. One of this name that this script did not make is left alone.

.PARAMETER Processors
How many virtual processors it has, 2 to 64: no more than the host has.

.PARAMETER MemoryMegabytes
How much memory it has, in MiB, 2048 to 65536.

.PARAMETER Result
Where to write what the check says.

.PARAMETER SelfTest
Where to write the self-test's file, which must not be there yet; its page, .html, goes beside it. If the
guest crashes meanwhile, the file says in which step that was.

.PARAMETER Quick
One minute of self-test in place of ten.

.PARAMETER Yes
Takes the snapshot also where VMSAVE may reset this host. Have nothing open then that must not be lost.

.PARAMETER Keep
Leaves the machine as it is at the end.

.EXAMPLE
.\New-SvmSaveVm.ps1 -BaseDisk D:\vm\windows11.vhdx -Credential (Get-Credential) -Package ..\..\target\svmsave_package
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [string] $BaseDisk,
    [Parameter(Mandatory)] [pscredential] $Credential,
    [Parameter(Mandatory)] [string] $Package,
    [string] $Name = 'svmsave',
    [string] $Result = 'svmsave.json',
    [ValidatePattern('\.json$')] [string] $SelfTest = 'selftest.json',
    [ValidateRange(2, 64)] [int] $Processors = 4,
    [ValidateRange(2048, 65536)] [long] $MemoryMegabytes = 4096,
    [switch] $Quick,
    [switch] $Yes,
    [switch] $Keep
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# Windows 11 and Windows Server 2022: the first with nested virtualization on AMD.
$OldestBuild = 20348
$Memory = $MemoryMegabytes * 1024 * 1024
# Tells this script's machine from another of the same name, which it leaves alone.
$Mark = 'Made by New-SvmSaveVm.ps1'
$Folder = 'C:\svmsave'
$Client = Join-Path -Path $Folder -ChildPath 'client.exe'
$SelfTestPage = [IO.Path]::ChangeExtension($SelfTest, 'html')
$Guest = @{ VMName = $Name; Credential = $Credential }

# Whether a processor is one whose virtualized VMSAVE may reset the host, by a description such as
# "AMD64 Family 25 Model 97 Stepping 2", which is the same in every language.
function Test-ZenFourClient {
    param([string] $Description)
    if ($Description -notmatch 'Family (\d+) Model (\d+)') { return $false }
    $family, $model = [int] $Matches[1], [int] $Matches[2]
    $family -eq 0x19 -and (($model -ge 0x18 -and $model -le 0x1f) -or ($model -ge 0x60 -and $model -le 0x7f))
}

# What is missing on this host, one line for each.
function Get-Problem {
    $build = [Environment]::OSVersion.Version.Build
    if ($build -lt $OldestBuild) {
        "Windows has build ${build}: nested virtualization on AMD needs $OldestBuild or later."
    }
    $processor = Get-CimInstance -ClassName Win32_Processor | Select-Object -First 1
    if ($processor.Manufacturer -ne 'AuthenticAMD') {
        "The processor is $($processor.Manufacturer)'s, and not AMD's."
    }
    elseif ((Test-ZenFourClient -Description $processor.Description) -and -not $Yes) {
        'VMSAVE may reset this host, whose processor is a Zen 4 client part (CVE-2024-53114): close what must not be lost, and use -Yes.'
    }
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList $identity
    if (-not $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
        'This is not elevated: start PowerShell with "Run as administrator".'
    }
    if (-not (Get-Command -Name New-VM -Module Hyper-V -ErrorAction SilentlyContinue)) {
        # Clients are 1; domain controllers and other servers are 2 and 3.
        if ((Get-CimInstance -ClassName Win32_OperatingSystem).ProductType -eq 1) {
            'There is no Hyper-V: run "Enable-WindowsOptionalFeature -Online -FeatureName Microsoft-Hyper-V -All" and restart.'
        }
        else {
            'There is no Hyper-V: run "Install-WindowsFeature Hyper-V -IncludeManagementTools" and restart.'
        }
    }
    else {
        $service = Get-Service -Name vmms -ErrorAction SilentlyContinue
        if (-not $service) {
            'There is no management service of Hyper-V (vmms): restart after Hyper-V was enabled.'
        }
        elseif ($service.Status -ne 'Running') {
            'Hyper-V''s management service (vmms) is not running: run "Start-Service -Name vmms".'
        }
    }
    if ($Processors -gt [Environment]::ProcessorCount) {
        "There are $([Environment]::ProcessorCount) processors here, and -Processors asks for $Processors."
    }
    if (-not (Test-Path -LiteralPath $BaseDisk -PathType Leaf)) {
        "There is no $BaseDisk."
    }
    foreach ($file in $SelfTest, $SelfTestPage) {
        if (Test-Path -LiteralPath $file) {
            "There is $file of an earlier run: move it away, or use -SelfTest."
        }
    }
    foreach ($file in 'svmsave.inf', 'svmsave.sys', 'svmsave.cat', 'client.exe') {
        if (-not (Test-Path -LiteralPath (Join-Path -Path $Package -ChildPath $file))) {
            "There is no $file in ${Package}: make the package with 'cargo xtask package'."
        }
    }
}

# What there is by this name that this script did not make, one line for each.
function Get-ForeignObject {
    $machine = Get-VM -Name $Name -ErrorAction SilentlyContinue
    if ($machine -and $machine.Notes -ne $Mark) {
        "There is another virtual machine by the name of ${Name}: use -Name."
    }
    $disk = Get-OwnDisk
    $base = (Resolve-Path -LiteralPath $BaseDisk).Path
    if ((Test-Path -LiteralPath $disk) -and (Get-VHD -Path $disk).ParentPath -ne $base) {
        "There is another disk at ${disk}: use -Name."
    }
}

function Get-OwnDisk {
    Join-Path -Path (Get-VMHost).VirtualHardDiskPath -ChildPath "$Name.vhdx"
}

function New-Machine {
    if (Get-VM -Name $Name -ErrorAction SilentlyContinue) { return }
    $disk = Get-OwnDisk
    if (-not (Test-Path -LiteralPath $disk)) {
        $null = New-VHD -Path $disk -ParentPath (Resolve-Path -LiteralPath $BaseDisk).Path -Differencing
    }
    $null = New-VM -Name $Name -Generation 2 -MemoryStartupBytes $Memory -VHDPath $disk
    Set-VM -Name $Name -Notes $Mark
}

# Again at every run, as long as the machine is off: settings may have been broken off halfway.
function Set-Machine {
    if ((Get-VM -Name $Name).State -ne 'Off') { return }
    Set-VM -Name $Name -AutomaticCheckpointsEnabled $false -CheckpointType Disabled
    Set-VMMemory -VMName $Name -DynamicMemoryEnabled $false -StartupBytes $Memory
    Set-VMProcessor -VMName $Name -Count $Processors -ExposeVirtualizationExtensions $true
    Set-VMFirmware -VMName $Name -EnableSecureBoot Off
    # No virtualization-based security inside: its hypervisor would hide SVM again.
    Set-VMSecurity -VMName $Name -VirtualizationBasedSecurityOptOut $true
}

# Waits until a script in the guest says yes.
function Wait-Guest {
    param([scriptblock] $Condition, [int] $Minutes = 10)
    $end = (Get-Date).AddMinutes($Minutes)
    $last = 'it said no'
    while ((Get-Date) -lt $end) {
        try {
            if (Invoke-Command @Guest -ScriptBlock $Condition) { return }
        }
        catch {
            $last = $_.Exception.Message
        }
        Start-Sleep -Seconds 5
    }
    throw "The guest was not ready within $Minutes minutes: $last"
}

function Start-Machine {
    if ((Get-VM -Name $Name).State -ne 'Running') {
        Start-VM -Name $Name
    }
    Wait-Guest -Condition { $true }
}

# When the guest was started: another time tells that it was restarted.
function Get-BootTime {
    Invoke-Command @Guest -ScriptBlock { (Get-CimInstance -ClassName Win32_OperatingSystem).LastBootUpTime.Ticks }
}

# Shuts Windows down and starts it: switching the machine off would lose what is not written yet.
function Restart-Guest {
    $before = Get-BootTime
    # Not at once: what it says comes back before the connection goes.
    Invoke-Step -Program 'shutdown.exe' -Arguments '/r', '/t', '5'
    $end = (Get-Date).AddMinutes(10)
    while ((Get-Date) -lt $end) {
        Start-Sleep -Seconds 5
        try {
            if ((Get-BootTime) -ne $before) { return }
        }
        catch {
            Write-Verbose -Message $_.Exception.Message
        }
    }
    throw 'The guest was not restarted within 10 minutes.'
}

# Runs a program in the guest. What it writes to standard error would end this script if it came out
# of the block as it is.
function Invoke-Program {
    param([string] $Program, [string[]] $Arguments)
    Invoke-Command @Guest -ArgumentList $Program, $Arguments -ScriptBlock {
        param([string] $Program, [string[]] $Arguments)
        # Under another preference the first line on standard error would end the block.
        $ErrorActionPreference = 'Continue'
        $errors = New-Object -TypeName Collections.Generic.List[string]
        $output = & $Program @Arguments 2>&1 | ForEach-Object -Process {
            if ($_ -is [Management.Automation.ErrorRecord]) { $errors.Add("$_") } else { "$_" }
        }
        [pscustomobject] @{
            ExitCode = $LASTEXITCODE
            Output = @($output) -join "`n"
            Errors = $errors -join "`n"
        }
    }
}

# The same for what has to work.
function Invoke-Step {
    param([string] $Program = $Client, [string[]] $Arguments)
    $ended = Invoke-Program -Program $Program -Arguments $Arguments
    Write-Host $ended.Output
    if ($ended.ExitCode -ne 0) {
        throw "$Program $Arguments ended with $($ended.ExitCode): $($ended.Errors)"
    }
}

# Each setting by itself, as Windows runs and as it is set: the one may be as it should be, and the
# other not, or set by a run that broke off before the restart.
function Initialize-Guest {
    $running = Invoke-Command @Guest -ScriptBlock {
        $control = Get-ItemProperty -Path 'HKLM:\SYSTEM\CurrentControlSet\Control' -Name 'SystemStartOptions'
        $security = Get-CimInstance -Namespace 'root\Microsoft\Windows\DeviceGuard' -ClassName Win32_DeviceGuard
        [pscustomobject] @{
            TestSigning = $control.SystemStartOptions -match '\bTESTSIGNING\b'
            Hypervisor = $security.VirtualizationBasedSecurityStatus -eq 2
        }
    }
    # Names of elements and their values are in English everywhere.
    $entry = Invoke-Program -Program 'bcdedit.exe' -Arguments '/enum', '{current}'
    $hypervisorOff = $entry.Output -match '(?m)^hypervisorlaunchtype\s+Off'
    if (-not $running.TestSigning) {
        Invoke-Step -Arguments 'install', '--test-signing', '--without-svm'
    }
    if (-not $hypervisorOff) {
        Invoke-Step -Program 'bcdedit.exe' -Arguments '/set', 'hypervisorlaunchtype', 'off'
    }
    if ($running.Hypervisor -or -not ($running.TestSigning -and $hypervisorOff)) {
        Restart-Guest
    }
}

function Copy-Package {
    $session = New-PSSession @Guest
    try {
        Invoke-Command -Session $session -ArgumentList $Folder -ScriptBlock {
            param([string] $Folder)
            $null = New-Item -ItemType Directory -Path $Folder -Force
        }
        Copy-Item -Path (Join-Path -Path $Package -ChildPath '*') -Destination $Folder -ToSession $session -Force
    }
    finally {
        Remove-PSSession -Session $session
    }
}

function Invoke-Check {
    $arguments = 'check', '--json'
    if ($Yes) { $arguments += '--yes' }
    $check = Invoke-Program -Program $Client -Arguments $arguments
    Set-Content -LiteralPath $Result -Value $check.Output -Encoding UTF8
    Write-Host "client.exe check --json ended with $($check.ExitCode); what it said is in $Result."
    if ($check.Errors) { Write-Warning -Message $check.Errors }
    $check.ExitCode
}

# The self-test writes its file before each step: whatever becomes of the guest, the file is brought
# back.
function Invoke-SelfTest {
    $file = Join-Path -Path $Folder -ChildPath 'selftest.json'
    $page = Join-Path -Path $Folder -ChildPath 'selftest.html'
    # Of a run that broke off before its files were brought back.
    Invoke-Command @Guest -ArgumentList $file, $page -ScriptBlock {
        param([string] $File, [string] $Page)
        Remove-Item -LiteralPath $File, $Page -ErrorAction SilentlyContinue
    }
    $arguments = 'selftest', $file
    if ($Quick) { $arguments += '--quick' }
    if ($Yes) { $arguments += '--yes' }
    try {
        $test = Invoke-Program -Program $Client -Arguments $arguments
        Write-Host $test.Output
        if ($test.Errors) { Write-Warning -Message $test.Errors }
    }
    finally {
        Wait-Guest -Condition { $true }
        Copy-FromGuest -Source $file -Destination $SelfTest
        Copy-FromGuest -Source $page -Destination $SelfTestPage
    }
    Write-Host "client.exe selftest ended with $($test.ExitCode); its file is $SelfTest, to be sent back."
    $test.ExitCode
}

# Brings a file back, if it is there.
function Copy-FromGuest {
    param([string] $Source, [string] $Destination)
    $session = New-PSSession @Guest
    try {
        $exists = Invoke-Command -Session $session -ArgumentList $Source -ScriptBlock {
            param([string] $Source)
            Test-Path -LiteralPath $Source
        }
        if ($exists) {
            Copy-Item -LiteralPath $Source -Destination $Destination -FromSession $session
        }
    }
    finally {
        Remove-PSSession -Session $session
    }
}

function Remove-Machine {
    if (Get-VM -Name $Name -ErrorAction SilentlyContinue) {
        Stop-VM -Name $Name -TurnOff -Force
        Remove-VM -Name $Name -Force
    }
    $disk = Get-OwnDisk
    if (Test-Path -LiteralPath $disk) { Remove-Item -LiteralPath $disk }
}

$problems = @(Get-Problem)
if (-not $problems) { $problems = @(Get-ForeignObject) }
if ($problems) {
    $problems | ForEach-Object -Process { Write-Warning -Message $_ }
    throw "Nothing was changed: $($problems.Count) prerequisite(s) are missing."
}
New-Machine
Set-Machine
Start-Machine
Copy-Package
Initialize-Guest
Invoke-Step -Arguments 'install'
$exitCode = Invoke-Check
$selfTestCode = Invoke-SelfTest
if ($exitCode -eq 0) { $exitCode = $selfTestCode }
if (-not $Keep) { Remove-Machine }
exit $exitCode
