<#
.SYNOPSIS
Tries a svmsave package in a Hyper-V virtual machine of its own, and brings the result back.

.DESCRIPTION
For an AMD host with Windows 11 or Windows Server 2022 or later. Creates a generation 2 virtual
machine on a copy-on-write disk over an installed Windows, with nested virtualization exposed and
Secure Boot off; copies the package in through PowerShell Direct, runs "client.exe install" (with
test signing first) and "client.exe check --json" in it, writes what that says to -Result, and removes
the machine.

Virtualized VMSAVE can reset a host whose processor is one of AMD's Zen 4 client parts (family 19h,
models 18h to 1Fh and 60h to 7Fh; CVE-2024-53114): on such a host, have nothing open that must not be
lost.

Each step looks at what is there first: after a failure, run it again with the same arguments.

.PARAMETER BaseDisk
A .vhdx with Windows 10, version 2004, or later, installed for generation 2 and past its first logon
(an account with a password, no questions left to answer). It is not written to.

.PARAMETER Credential
An administrator of that Windows.

.PARAMETER Package
The folder with the package: client.exe, svmsave.inf and the rest.

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
    [ValidateRange(2, 64)] [int] $Processors = 4,
    [ValidateRange(2048, 65536)] [long] $MemoryMegabytes = 4096,
    [switch] $Keep
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# Windows 11 and Windows Server 2022: the first with nested virtualization on AMD.
$OldestBuild = 20348
$Memory = $MemoryMegabytes * 1024 * 1024
# Tells this script's machine from another of the same name, which it leaves alone.
$Mark = 'Made by New-SvmSaveVm.ps1'
$Guest = @{ VMName = $Name; Credential = $Credential }

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
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList $identity
    if (-not $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
        'This is not elevated: start PowerShell with "Run as administrator".'
    }
    if (-not (Get-Command -Name New-VM -Module Hyper-V -ErrorAction SilentlyContinue)) {
        'There is no Hyper-V: run "Enable-WindowsOptionalFeature -Online -FeatureName Microsoft-Hyper-V -All" and restart.'
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
    Invoke-Command @Guest -ScriptBlock { shutdown.exe /r /t 0 }
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

# Runs client.exe in the guest. What it writes to standard error would end this script if it came out
# of the block as it is.
function Invoke-Client {
    param([string[]] $Arguments)
    Invoke-Command @Guest -ArgumentList (, $Arguments) -ScriptBlock {
        param([string[]] $Arguments)
        $errors = New-Object -TypeName Collections.Generic.List[string]
        $output = & 'C:\svmsave\client.exe' @Arguments 2>&1 | ForEach-Object -Process {
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
    param([string[]] $Arguments)
    $ended = Invoke-Client -Arguments $Arguments
    Write-Host $ended.Output
    if ($ended.ExitCode -ne 0) {
        throw "client.exe $Arguments ended with $($ended.ExitCode): $($ended.Errors)"
    }
}

# Each setting by itself: the one may be as it should be, and the other not.
function Initialize-Guest {
    $settings = Invoke-Command @Guest -ScriptBlock {
        $control = Get-ItemProperty -Path 'HKLM:\SYSTEM\CurrentControlSet\Control' -Name 'SystemStartOptions'
        [pscustomobject] @{
            TestSigning = $control.SystemStartOptions -match '\bTESTSIGNING\b'
            # Names of elements and their values are in English everywhere.
            HypervisorOff = [bool] (bcdedit.exe /enum '{current}' | Where-Object -FilterScript { $_ -match '^hypervisorlaunchtype\s+Off' })
        }
    }
    if (-not $settings.TestSigning) {
        Invoke-Step -Arguments 'install', '--test-signing', '--without-svm'
    }
    if (-not $settings.HypervisorOff) {
        Invoke-Command @Guest -ScriptBlock {
            $null = bcdedit.exe /set hypervisorlaunchtype off
            if ($LASTEXITCODE -ne 0) { throw "bcdedit /set hypervisorlaunchtype off ended with $LASTEXITCODE." }
        }
    }
    if (-not ($settings.TestSigning -and $settings.HypervisorOff)) {
        Restart-Guest
    }
}

function Copy-Package {
    $session = New-PSSession @Guest
    try {
        Invoke-Command -Session $session -ScriptBlock {
            $null = New-Item -ItemType Directory -Path 'C:\svmsave' -Force
        }
        Copy-Item -Path (Join-Path -Path $Package -ChildPath '*') -Destination 'C:\svmsave' -ToSession $session -Force
    }
    finally {
        Remove-PSSession -Session $session
    }
}

function Invoke-Check {
    Invoke-Step -Arguments 'install'
    $check = Invoke-Client -Arguments 'check', '--json'
    Set-Content -LiteralPath $Result -Value $check.Output -Encoding UTF8
    Write-Host "client.exe check --json ended with $($check.ExitCode); what it said is in $Result."
    if ($check.Errors) { Write-Warning -Message $check.Errors }
    $check.ExitCode
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
$exitCode = Invoke-Check
if (-not $Keep) { Remove-Machine }
exit $exitCode
